"""RayJobOperator: finds or submits one job, waits for it deferred, and lets nothing be lost."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ray_jobs.contract import keys
from tasks.operators.errors import (
    RayError,
    RayJobFailedError,
    RayJobLostError,
    RayJobTimedOutError,
    RayRefusedError,
    RayUnreachableError,
    SupersededError,
)
from tasks.operators.ownership import Claim, Claimed, Record
from tasks.ownership import StoredOwnership
from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_airflow import (
    RECORDS,
    Bucket,
    Supervisor,
    Told,
    claim,
    context,
    records,
)
from tests.tasks.operators.fake_ray import TOKEN, FakeRay, body_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

ENTRYPOINT = ["python", "-m", "job", "--spec", "s3://bucket/spec.json"]
MINE = claim(1)


@pytest.fixture(autouse=True)
def executable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `execute` be called outside of a task's process."""
    from airflow.sdk.bases.operator import ExecutorSafeguard

    monkeypatch.setattr(ExecutorSafeguard, "test_mode", True)


def operator(**given: Any):
    from tasks.operators.operator import RayJobOperator

    arguments = {"job_name": "train", "entrypoint": ENTRYPOINT, "ownership": RECORDS} | given
    return RayJobOperator(task_id="train", **arguments)


def deferred(one: Any, by: Claim = MINE, of: dict[str, Any] | None = None) -> Any:
    """The trigger that the task waits with."""
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as caught:
        one.execute(of or context(by))
    assert caught.value.method_name == "execute_complete"
    return caught.value.trigger


def event(status: str = "SUCCEEDED", **said: Any) -> dict[str, Any]:
    whole = {"message": "", "error_type": None, "exit_code": None, "timed_out": False}
    return {"submission_id": "train-1", "status": status} | whole | said


# --- finding and submitting


def test_the_first_time_the_job_is_submitted_and_waited_for(
    connected: FakeRay, store: InMemoryStore
):
    trigger = deferred(operator(env_vars={"AWS_PROFILE": "train"}, num_cpus=0.5))
    assert trigger.submission_id == "train-1"
    assert Claim.from_json(trigger.claim) == MINE
    assert connected.submitted == ["train-1"]
    (request,) = connected.asked("POST")
    body = body_of(request)
    assert shlex.split(body["entrypoint"]) == ENTRYPOINT
    assert body["runtime_env"] == {"env_vars": {"AWS_PROFILE": "train"}}
    assert body["entrypoint_num_cpus"] == 0.5
    assert list(records().records()) == [Record("train-1", MINE)]


@pytest.mark.parametrize("status", ["PENDING", "RUNNING"])
def test_a_job_that_is_alive_is_taken_over(connected: FakeRay, store: InMemoryStore, status: str):
    connected.add("train-1", status)
    assert deferred(operator()).submission_id == "train-1"
    assert connected.submitted == []


def test_a_job_that_has_succeeded_is_not_waited_for_again(connected: FakeRay, store: InMemoryStore):
    connected.add("train-1", "SUCCEEDED")
    records().claim("train-1", MINE)
    assert operator().execute(context(claim(2))) == {"submission_id": "train-1"}
    assert connected.submitted == []
    assert not store.objects


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_after_a_lost_job_the_next_attempt_is_submitted(
    connected: FakeRay, store: InMemoryStore, status: str
):
    connected.add("train-1", status)
    assert deferred(operator()).submission_id == "train-2"
    assert connected.submitted == ["train-2"]


def test_a_subclass_may_know_that_the_work_of_a_job_that_succeeded_is_gone(
    connected: FakeRay, store: InMemoryStore
):
    from tasks.operators.operator import RayJobOperator

    class Undone(RayJobOperator):
        def is_lost(self, job: Any) -> bool:
            return super().is_lost(job) or job.submission_id == "train-1"

    connected.add("train-1", "SUCCEEDED")
    one = Undone(task_id="train", job_name="train", entrypoint=ENTRYPOINT, ownership=RECORDS)
    assert deferred(one).submission_id == "train-2"
    assert connected.submitted == ["train-2"]


def test_a_second_try_finds_the_job_of_the_first(connected: FakeRay, store: InMemoryStore):
    deferred(operator())
    deferred(operator(), by=claim(2))
    assert connected.submitted == ["train-1"]
    assert list(records().records()) == [Record("train-1", claim(2))]


def test_the_id_is_stored_before_the_job_is_submitted(connected: FakeRay, store: InMemoryStore):
    of = context(MINE)
    stored: list[Any] = []
    connected.hooks["POST", "/api/jobs/"] = lambda: stored.extend(of["task_state_store"].writes)
    deferred(operator(), of=of)
    assert stored == [("submission_id", "train-1")]


def test_the_record_of_ownership_is_written_before_the_job_is_submitted(
    connected: FakeRay, store: InMemoryStore
):
    owners: list[Record] = []
    connected.hooks["POST", "/api/jobs/"] = lambda: owners.extend(records().records())
    deferred(operator())
    assert owners == [Record("train-1", MINE)]


def test_two_that_submit_at_once_share_one_job(connected: FakeRay, store: InMemoryStore):
    """The other one came between our look and our POST: "already exists" counts as found."""
    connected.hooks["POST", "/api/jobs/"] = lambda: connected.add("train-1", "RUNNING")
    assert deferred(operator()).submission_id == "train-1"
    assert connected.alive == ["train-1"]


def test_a_submission_whose_answer_was_lost_is_found(connected: FakeRay, store: InMemoryStore):
    def submitted_but_lost() -> None:
        connected.add("train-1", "PENDING", "RUNNING")
        raise httpx.ReadTimeout("no answer")

    connected.hooks["POST", "/api/jobs/"] = submitted_but_lost
    assert deferred(operator()).submission_id == "train-1"


def test_a_ray_that_is_away_is_told_as_such_and_nothing_is_owned(
    connected: FakeRay, store: InMemoryStore
):
    connected.away = True
    with pytest.raises(RayUnreachableError, match="does not answer"):
        operator().execute(context(MINE))
    assert not store.objects


def test_a_wrong_token_is_told_before_anything_is_done(connected: FakeRay, store: InMemoryStore):
    connected.token = "another"
    with pytest.raises(RayRefusedError, match="refuses the token"):
        operator().execute(context(MINE))
    assert connected.submitted == []


# --- whose job it is


def test_a_try_that_was_overtaken_does_not_touch_the_job(connected: FakeRay, store: InMemoryStore):
    connected.add("train-1")
    records().claim("train-1", claim(2))
    with pytest.raises(SupersededError, match="a newer try has taken train-1 over"):
        operator().execute(context(MINE))
    assert connected.alive == ["train-1"]
    assert connected.stops == []


def test_a_job_that_another_is_stopping_is_waited_out_and_then_the_next_attempt_runs(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("train-1", looks_to_stop=3)
    records().resign("train-1", MINE)
    alive_at_submission: list[str] = []
    connected.hooks["POST", "/api/jobs/"] = lambda: alive_at_submission.extend(connected.alive)
    assert deferred(operator(), by=claim(2)).submission_id == "train-2"
    assert connected.jobs["train-1"].status == "STOPPED"
    assert alive_at_submission == []  # never two alive
    assert list(records().records()) == [Record("train-2", claim(2))]


def test_a_job_that_was_given_up_and_does_not_exist_is_submitted_afresh(
    connected: FakeRay, store: InMemoryStore
):
    records().resign("train-1", MINE)
    assert deferred(operator(), by=claim(2)).submission_id == "train-1"
    assert list(records().records()) == [Record("train-1", claim(2))]


@pytest.mark.parametrize("ended", ["FAILED", "STOPPED"])
def test_a_job_that_ends_while_it_is_taken_over_is_followed_by_the_next_attempt(
    connected: FakeRay, store: InMemoryStore, ended: str
):
    connected.add("train-1", "RUNNING", ended)  # alive in the list, gone once it is ours
    assert deferred(operator()).submission_id == "train-2"
    assert connected.submitted == ["train-2"]
    assert list(records().records()) == [Record("train-2", MINE)]


def test_a_job_that_takes_longer_to_stop_than_one_wait_is_waited_for_again(
    connected: FakeRay, store: InMemoryStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tasks.operators.stopping.STOP_LIMIT_S", 0.3)
    connected.add("train-1")
    records().resign("train-1", MINE)

    def stubborn() -> None:  # the first stop is heard, and takes longer than one wait
        connected.jobs["train-1"].looks_to_stop = 10_000

    connected.hooks["POST", "/api/jobs/train-1/stop"] = stubborn
    connected.hooks["GET", "/api/jobs/train-1"] = lambda: setattr(
        connected.jobs["train-1"], "looks_to_stop", 0
    )
    assert deferred(operator(), by=claim(2)).submission_id == "train-2"
    assert len(connected.stops) == 2
    assert connected.jobs["train-1"].status == "STOPPED"


# --- killed while it is at work


class Killing:
    """Records that kill the task as soon as it has claimed its job."""

    kill: Callable[[], None]

    def __init__(self) -> None:
        self._records = StoredOwnership(Bucket.store)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def claim(self, submission_id: str, claim: Claim) -> Claimed:
        told = self._records.claim(submission_id, claim)
        type(self).kill()
        return told


def killing() -> Any:
    return Killing()


@pytest.mark.parametrize("state", ["failed", "running", None])
def test_killed_between_the_claim_and_the_submission_nothing_is_submitted(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str | None
):
    from airflow.sdk.definitions.retry_policy import RetryAction

    one = operator(ownership=f"{__name__}:killing")
    supervisor.say(MINE, state)
    Killing.kill = one.on_kill
    with pytest.raises(RayJobLostError, match="killed before its job was submitted") as caught:
        one.execute(context(MINE))
    assert connected.submitted == []
    # A mark has ended the task anyway; a worker that was shut down must be able to try again.
    decided = one.retry_policy.evaluate(caught.value, try_number=1, max_tries=2)
    assert decided.action is RetryAction.RETRY


@pytest.mark.parametrize(("state", "alive"), [("failed", []), ("running", ["train-1"])])
def test_killed_while_the_submission_is_on_its_way(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    state: str,
    alive: list[str],
):
    """The kill finds no job yet; the task looks again once its POST was answered."""
    one = operator()
    supervisor.say(MINE, state)
    connected.hooks["POST", "/api/jobs/"] = one.on_kill
    deferred(one)
    assert connected.submitted == ["train-1"]
    assert connected.alive == alive


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_mark_on_a_running_task_stops_its_job(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str, told: Told
):
    one = operator()
    deferred(one)
    supervisor.say(MINE, state)
    one.on_kill()
    assert connected.alive == []
    assert not store.objects
    assert "killed; Ray job train-1: stopped" in told.lines


@pytest.mark.parametrize("state", [None, "running", "scheduled", "up_for_retry"])
def test_a_clear_or_the_shutdown_of_a_worker_stops_nothing(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str | None
):
    one = operator()
    deferred(one)
    supervisor.say(MINE, state)
    one.on_kill()
    assert connected.alive == ["train-1"]


def test_a_kill_after_a_newer_try_took_the_job_over_stops_nothing(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor
):
    one = operator()
    deferred(one)
    deferred(operator(), by=claim(2))
    supervisor.say(MINE, "failed")
    one.on_kill()
    assert connected.alive == ["train-1"]


def test_a_kill_before_anything_was_claimed_asks_nobody(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor
):
    operator().on_kill()
    assert connected.requests == []
    assert supervisor.questions == []


def test_a_kill_that_cannot_ask_airflow_leaves_the_job_and_says_so(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, told: Told
):
    one = operator()
    deferred(one)
    supervisor.away = True
    one.on_kill()
    assert connected.alive == ["train-1"]
    assert any("train-1 is left to the reconciler" in line for line in told.lines)


def test_a_kill_that_cannot_ask_the_records_leaves_the_job_and_says_so(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
):
    def away(_: str) -> None:
        raise ConnectionError("the object store does not answer")

    one = operator()
    deferred(one)
    supervisor.say(MINE, "failed")
    monkeypatch.setattr(store, "get_tagged", away)
    one.on_kill()
    assert connected.alive == ["train-1"]
    assert any("train-1 is left to the reconciler" in line for line in told.lines)


def test_a_kill_is_over_before_airflow_kills_the_process(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
):
    from tasks.operators import operator as module

    assert module._KILL_LIMIT_S < 5
    monkeypatch.setattr(module, "_KILL_LIMIT_S", 1.0)
    one = operator()
    deferred(one)
    connected.jobs["train-1"].looks_to_stop = 100_000
    supervisor.say(MINE, "failed")
    before, started = set(threading.enumerate()), datetime.now(UTC)
    one.on_kill()
    assert datetime.now(UTC) - started < timedelta(seconds=5)
    assert list(records().records()) == [Record("train-1", MINE, being_stopped=True)]
    connected.jobs["train-1"].script = ["STOPPED"]
    for thread in set(threading.enumerate()) - before:
        thread.join()  # it would go on in the next test
    assert not store.objects


# --- the deadline


def test_the_deadline_counts_from_the_submission(connected: FakeRay, store: InMemoryStore):
    before = datetime.now(UTC)
    ends = datetime.fromisoformat(deferred(operator(deadline=timedelta(hours=2))).deadline)
    assert before + timedelta(hours=2) <= ends <= datetime.now(UTC) + timedelta(hours=2)
    assert ends.utcoffset() == timedelta(0)


def test_a_job_that_is_taken_over_keeps_its_deadline(connected: FakeRay, store: InMemoryStore):
    start = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    connected.add("train-1", start_ms=int(start.timestamp() * 1000))
    trigger = deferred(operator(deadline=timedelta(hours=2)))
    assert trigger.deadline == "2026-01-02T14:00:00+00:00"


def test_without_a_deadline_there_is_none(connected: FakeRay, store: InMemoryStore):
    assert deferred(operator()).deadline is None


# --- after the wait


def test_a_success_returns_the_id_and_forgets_the_record(connected: FakeRay, store: InMemoryStore):
    records().claim("train-1", MINE)
    one = operator()
    assert one.execute_complete(context(MINE), event()) == {"submission_id": "train-1"}
    assert not store.objects


def test_a_subclass_may_put_figures_into_xcom(connected: FakeRay, store: InMemoryStore):
    from tasks.operators.operator import RayJobOperator

    class Scoring(RayJobOperator):
        def result_of(self, submission_id: str) -> dict[str, Any]:
            return {"accuracy": 0.9, "of": submission_id}

    one = Scoring(task_id="train", job_name="train", entrypoint=["true"], ownership=RECORDS)
    result = one.execute_complete(context(MINE), event())
    assert result == {"submission_id": "train-1", "accuracy": 0.9, "of": "train-1"}


def test_a_result_that_cannot_be_read_keeps_the_record(connected: FakeRay, store: InMemoryStore):
    from tasks.operators.operator import RayJobOperator

    class Broken(RayJobOperator):
        def result_of(self, submission_id: str) -> dict[str, Any]:
            raise ConnectionError("the object store does not answer")

    records().claim("train-1", MINE)
    one = Broken(task_id="train", job_name="train", entrypoint=["true"], ownership=RECORDS)
    with pytest.raises(ConnectionError, match="does not answer"):
        one.execute_complete(context(MINE), event())
    assert keys.owner("train-1") in store.objects


OWN = "JOB_ENTRYPOINT_COMMAND_ERROR"
# What the trigger fired -> what is raised, whether the record stays, whether Airflow tries again.
ENDINGS: dict[str, tuple[dict[str, Any], type[RayError], bool, bool]] = {
    "own code failed": (
        event("FAILED", error_type=OWN, exit_code=1),
        RayJobFailedError,
        False,
        False,
    ),
    "exit code 128": (
        event("FAILED", error_type=OWN, exit_code=128),
        RayJobFailedError,
        False,
        False,
    ),
    "killed, says the shell": (
        event("FAILED", error_type=OWN, exit_code=137),
        RayJobLostError,
        False,
        True,
    ),
    "killed, says Python": (
        event("FAILED", error_type=OWN, exit_code=-9),
        RayJobLostError,
        False,
        True,
    ),
    "supervisor died": (
        event("FAILED", error_type="JOB_SUPERVISOR_ACTOR_DIED"),
        RayJobLostError,
        False,
        True,
    ),
    "stopped by hand": (event("STOPPED"), RayJobLostError, False, True),
    "a new cluster": (event("FAILED", error_type="RAY_JOB_UNKNOWN"), RayJobLostError, False, True),
    "deadline": (event("STOPPED", timed_out=True), RayJobTimedOutError, False, False),
    "deadline, taken over": (event("RUNNING", timed_out=True), RayJobTimedOutError, True, False),
    "refused token": (
        event("FAILED", error_type="RAY_TOKEN_REFUSED", message="refuses the token"),
        RayRefusedError,
        True,
        False,
    ),
}


@pytest.mark.parametrize(("ended", "raised", "kept", "again"), ENDINGS.values(), ids=ENDINGS)
def test_how_each_ending_is_raised_kept_and_tried_again(
    connected: FakeRay,
    store: InMemoryStore,
    ended: dict[str, Any],
    raised: type[RayError],
    kept: bool,
    again: bool,
):
    from airflow.sdk.definitions.retry_policy import RetryAction

    records().claim("train-1", MINE)
    one = operator()
    with pytest.raises(raised, match="train-1 ended") as caught:
        one.execute_complete(context(MINE), ended)
    assert type(caught.value) is raised
    assert (keys.owner("train-1") in store.objects) is kept
    decided = one.retry_policy.evaluate(caught.value, try_number=1, max_tries=6)
    assert decided.action is (RetryAction.RETRY if again else RetryAction.FAIL)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (RayUnreachableError("away"), "retry"),
        (RayJobLostError("lost"), "retry"),
        (RayRefusedError("refused"), "fail"),
        (RayJobFailedError("failed"), "fail"),
        (RayJobTimedOutError("late"), "fail"),
        (SupersededError("newer"), "fail"),
        (ValueError("not of this tree"), "default"),
    ],
)
def test_the_retry_policy_knows_every_error(error: Exception, action: str):
    decided = operator().retry_policy.evaluate(error, try_number=1, max_tries=6)
    assert decided.action.value == action


# --- what shows


def test_the_link_to_the_job_is_there_as_soon_as_the_task_waits(
    connected: FakeRay, store: InMemoryStore
):
    one = operator(job_name="train.x")
    deferred(one)
    (link,) = one.operator_extra_links
    url = link.get_link(one, ti_key=None)
    assert url == "http://ray:8265/#/jobs/train.x-1"


def test_no_secret_is_in_what_ray_or_airflow_shows(
    connected: FakeRay, store: InMemoryStore, told: Told
):
    one = operator(env_vars={"AWS_PROFILE": "train"})
    of = context(MINE)
    trigger = deferred(one, of=of)
    sent = connected.asked("POST")[0].content.decode()
    shown = [
        told.text,
        repr(trigger.serialize()),
        sent,
        repr([getattr(one, name) for name in one.template_fields]),
        repr(of["task_state_store"].writes),
        repr(vars(one)),
        b"".join(store.objects.values()).decode(),
        one.job_url,
    ]
    assert all(TOKEN not in text for text in shown)


@pytest.mark.parametrize(
    "hostile", ["; rm -rf /tmp/x", 'it\'s "quoted"', "two\nlines", "$(reboot)", "`id`"]
)
def test_a_rendered_parameter_stays_one_argument(
    connected: FakeRay, store: InMemoryStore, hostile: str
):
    one = operator(entrypoint=["python", "-m", "job", "--spec", "{{ spec }}"])
    one.render_template_fields({"spec": hostile})
    deferred(one)
    body = body_of(connected.asked("POST")[0])
    assert shlex.split(body["entrypoint"]) == ["python", "-m", "job", "--spec", hostile]


def test_each_index_of_a_mapped_task_is_another_owner():
    assert replace(MINE, map_index=1).task_instance != MINE.task_instance
