"""RayJobTrigger: what it fires, when it stops a job, and when it leaves it alone."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.operators.ownership import Claimed, NoOwnership, Record
from tasks.ownership import StoredOwnership
from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_airflow import RECORDS, Supervisor, Told, claim, set_connection
from tests.tasks.operators.fake_ray import TOKEN, FakeRay, lines, until

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

NOBODY = f"{NoOwnership.__module__}:{NoOwnership.__qualname__}"
MINE = claim(1)


def trigger(**given: Any):
    from tasks.operators.trigger import RayJobTrigger

    return RayJobTrigger(
        **{
            "ray_conn_id": "ray_default",
            "submission_id": "a-1",
            "poll_interval_s": 0.01,
            "deadline": None,
            "claim": MINE.to_json(),
            "ownership": RECORDS,
        }
        | given
    )


async def fired(one: Any, within_s: float = 5.0) -> dict[str, Any]:
    """The payload of the only event."""
    async with asyncio.timeout(within_s):
        (event,) = [event async for event in one.run()]
    return event.payload


def in_s(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


# --- what it is after a restart of the triggerer


def test_what_is_stored_brings_the_same_trigger_back():
    from airflow.sdk.module_loading import import_string

    one = trigger(deadline=in_s(60))
    path, arguments = one.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == one.serialize()


def test_what_is_stored_holds_no_secret(connected: FakeRay):
    assert TOKEN not in json.dumps(trigger().serialize())


# --- what it fires


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("SUCCEEDED", {"exit_code": 0}),
        ("FAILED", {"error_type": "JOB_ENTRYPOINT_COMMAND_ERROR", "exit_code": 3}),
        ("FAILED", {"error_type": "JOB_SUPERVISOR_ACTOR_DIED", "message": "node died"}),
        ("STOPPED", {}),
    ],
)
async def test_it_fires_what_the_job_ended_as(
    connected: FakeRay, store: InMemoryStore, status: str, said: dict[str, Any]
):
    connected.add("a-1", "PENDING", "RUNNING", "RUNNING", status, **said)
    expected = {"message": "", "error_type": None, "exit_code": None} | said
    assert await fired(trigger()) == expected | {
        "submission_id": "a-1",
        "status": status,
        "timed_out": False,
    }
    assert connected.stops == []


async def test_a_job_that_a_new_cluster_does_not_know_is_told_as_lost(connected: FakeRay):
    event = await fired(trigger())
    assert (event["status"], event["error_type"]) == ("FAILED", "RAY_JOB_UNKNOWN")


async def test_a_wait_that_begins_during_anothers_look_is_not_told_that_its_job_is_lost(
    connected: FakeRay,
):
    connected.add("a-1")
    connected.add("a-2", "SUCCEEDED")
    entered, answer = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await answer.wait()

    connected.hooks["GET", "/api/jobs/a-1"] = hold
    first = asyncio.create_task(fired(trigger()))
    await entered.wait()
    late = asyncio.create_task(fired(trigger(submission_id="a-2")))
    await asyncio.sleep(0.01)
    answer.set()
    assert (await late)["status"] == "SUCCEEDED"
    first.cancel()


async def test_a_token_that_was_refused_once_may_have_been_an_old_one(
    connected: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    connected.add("a-1", "SUCCEEDED")
    connected.token = "tomorrow's"
    connected.hooks["GET", "/api/jobs/a-1"] = lambda: set_connection(monkeypatch, "tomorrow's")
    assert (await fired(trigger()))["status"] == "SUCCEEDED"


async def test_a_token_that_was_refused_twice_ends_the_wait_and_not_the_job(connected: FakeRay):
    connected.add("a-1")
    connected.token = "tomorrow's"
    event = await fired(trigger())
    assert event["error_type"] == "RAY_TOKEN_REFUSED"
    assert "refuses the token" in event["message"]
    assert connected.alive == ["a-1"]


async def test_a_ray_that_is_away_for_a_while_is_waited_for(connected: FakeRay):
    job = connected.add("a-1", "RUNNING")
    connected.away = True
    wait = asyncio.create_task(fired(trigger()))
    await until(lambda: len(connected.requests) > 8)
    assert not wait.done()
    connected.away, job.script = False, ["SUCCEEDED"]
    assert (await wait)["status"] == "SUCCEEDED"


async def test_the_log_is_in_the_tasks_log_before_the_event(connected: FakeRay, told: Told):
    job = connected.add("a-1", log=lines("epoch 1"))
    one = trigger()
    wait = asyncio.create_task(fired(one))
    await until(lambda: "epoch 1" in told.lines)
    assert not wait.done()
    job.log += [b"epoch 2\ndone"]
    job.script = ["SUCCEEDED"]
    await wait
    assert told.lines == ["epoch 1", "epoch 2", "done"]
    assert TOKEN not in told.text


async def test_a_missing_connection_ends_the_wait(connected: FakeRay):
    from airflow.sdk.exceptions import AirflowNotFoundException

    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        await fired(trigger(ray_conn_id="nowhere"))


# --- the deadline


@pytest.mark.parametrize("ownership", [RECORDS, NOBODY])
async def test_at_its_deadline_the_job_is_stopped_and_waited_for(
    connected: FakeRay, store: InMemoryStore, ownership: str
):
    StoredOwnership(store).claim("a-1", MINE)
    connected.add("a-1", looks_to_stop=5)
    started = asyncio.get_running_loop().time()
    event = await fired(trigger(deadline=in_s(0.1), ownership=ownership))
    assert asyncio.get_running_loop().time() - started >= 0.09
    assert (event["status"], event["timed_out"]) == ("STOPPED", True)
    assert connected.stops == ["a-1"]
    if ownership == RECORDS:
        assert not store.objects


async def test_a_deadline_that_passed_while_the_triggerer_was_down_holds(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("a-1")
    assert (await fired(trigger(deadline=in_s(-3600))))["timed_out"]
    assert connected.alive == []


async def test_a_job_that_ended_before_its_deadline_was_noticed_is_told_as_it_ended(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("a-1", "FAILED", error_type="JOB_ENTRYPOINT_COMMAND_ERROR", exit_code=2)
    event = await fired(trigger(deadline=in_s(-1)))
    assert (event["status"], event["exit_code"], event["timed_out"]) == ("FAILED", 2, False)
    assert connected.stops == []


async def test_at_the_deadline_of_one_task_another_ones_job_goes_on(
    connected: FakeRay, store: InMemoryStore
):
    StoredOwnership(store).claim("a-1", claim(1, run_id="run-2"))
    connected.add("a-1")
    event = await fired(trigger(deadline=in_s(-1)))
    assert (event["status"], event["timed_out"]) == ("RUNNING", True)
    assert connected.alive == ["a-1"]


async def test_a_ray_that_is_away_at_the_deadline_is_told_to_stop_when_it_is_back(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("a-1")
    connected.away = True
    wait = asyncio.create_task(fired(trigger(deadline=in_s(-1))))
    await until(lambda: len(connected.requests) > 8)
    assert not wait.done()
    connected.away = False
    assert (await wait)["timed_out"]
    assert connected.alive == []


async def test_a_token_that_is_refused_at_the_deadline_ends_the_wait(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("a-1")
    connected.token = "tomorrow's"
    assert (await fired(trigger(deadline=in_s(-1))))["error_type"] == "RAY_TOKEN_REFUSED"


async def test_without_a_deadline_nothing_is_stopped(connected: FakeRay):
    connected.add("a-1")
    wait = asyncio.create_task(fired(trigger(deadline=None)))
    await until(lambda: len(connected.requests) > 20)
    wait.cancel()
    assert connected.stops == []


# --- who may end the job


async def test_a_shutdown_of_the_triggerer_stops_nothing(connected: FakeRay, store: InMemoryStore):
    """Airflow cancels `run` and calls `cleanup`; `on_kill` is for a person's word alone."""
    StoredOwnership(store).claim("a-1", MINE)
    connected.add("a-1")
    one = trigger()
    wait = asyncio.create_task(fired(one))
    await until(lambda: len(connected.requests) > 3)
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    await one.cleanup()
    assert connected.alive == ["a-1"]
    assert connected.stops == []
    assert list(StoredOwnership(store).records()) == [Record("a-1", MINE)]


async def test_after_a_restart_the_same_job_is_waited_for(connected: FakeRay):
    from airflow.sdk.module_loading import import_string

    job = connected.add("a-1")
    path, arguments = trigger().serialize()
    before = asyncio.create_task(fired(import_string(path)(**arguments)))
    await until(lambda: len(connected.requests) > 3)
    before.cancel()
    after = asyncio.create_task(fired(import_string(path)(**arguments)))
    job.script = ["SUCCEEDED"]
    assert (await after)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("ownership", [RECORDS, NOBODY])
@pytest.mark.parametrize("state", ["failed", "success", "skipped", "upstream_failed"])
async def test_a_mark_stops_the_job_and_waits_until_it_is_gone(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str, ownership: str
):
    StoredOwnership(store).claim("a-1", MINE)
    connected.add("a-1", looks_to_stop=4)
    supervisor.say(MINE, state)
    await trigger(ownership=ownership).on_kill()
    assert connected.jobs["a-1"].status == "STOPPED"
    if ownership == RECORDS:
        assert not store.objects


async def test_a_task_that_was_removed_leaves_no_job(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor
):
    connected.add("a-1")
    await trigger().on_kill()  # Airflow does not know the task any more
    assert connected.alive == []


@pytest.mark.parametrize(
    "state", [None, "scheduled", "queued", "running", "deferred", "up_for_retry", "restarting"]
)
async def test_a_clear_or_a_retry_stops_nothing(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str | None
):
    StoredOwnership(store).claim("a-1", MINE)
    connected.add("a-1")
    supervisor.say(MINE, state)
    await trigger().on_kill()
    assert connected.stops == []
    assert StoredOwnership(store).claim("a-1", claim(2)) is Claimed.MINE


@pytest.mark.parametrize("state", ["failed", "success", "running"])
async def test_the_late_kill_of_an_older_try_leaves_the_newer_ones_job(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor, state: str
):
    StoredOwnership(store).claim("a-1", MINE)
    StoredOwnership(store).claim("a-1", claim(2))
    connected.add("a-1")
    supervisor.say(MINE, state)
    await trigger().on_kill()
    assert connected.alive == ["a-1"]
    assert connected.stops == []


async def test_where_airflow_cannot_be_asked_the_job_is_left_and_that_is_told(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    told: Told,
):
    connected.add("a-1")
    supervisor.away = True
    await trigger().on_kill()
    assert connected.alive == ["a-1"]
    assert "Airflow cannot be asked" in told.text
    assert "a-1: unsure" in told.text


async def test_where_ray_cannot_be_asked_the_record_tells_the_reconciler(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    told: Told,
):
    StoredOwnership(store).claim("a-1", MINE)
    connected.add("a-1")
    connected.away = True
    supervisor.say(MINE, "failed")
    await trigger().on_kill()
    assert "left to the reconciler" in told.text
    assert list(StoredOwnership(store).records()) == [Record("a-1", MINE, being_stopped=True)]


async def test_a_stop_outlives_the_cancels_that_airflow_sends_every_second(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor
):
    connected.add("a-1", looks_to_stop=20)
    supervisor.say(MINE, "failed")
    kill = asyncio.create_task(trigger().on_kill())
    await until(lambda: connected.stops)
    for _ in range(3):
        kill.cancel()
        await asyncio.sleep(0.005)
    await until(lambda: connected.jobs["a-1"].status == "STOPPED")
    await until(lambda: not store.objects)


async def test_one_task_of_a_mapped_one_is_asked_for_by_its_index(
    connected: FakeRay, store: InMemoryStore, supervisor: Supervisor
):
    third = claim(1, map_index=3)
    connected.add("a-1")
    supervisor.say(claim(1, map_index=2), "failed")
    supervisor.say(third, "running")
    await trigger(claim=third.to_json()).on_kill()
    assert connected.alive == ["a-1"]
    supervisor.say(third, "failed")
    await trigger(claim=third.to_json()).on_kill()
    assert connected.alive == []
    assert {question.map_index for question in supervisor.questions} == {3}


# --- the event loop


async def test_a_slow_store_of_records_does_not_hold_up_the_event_loop(
    connected: FakeRay,
    store: InMemoryStore,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
):
    asked, answers, get_tagged = threading.Event(), threading.Event(), store.get_tagged

    def slow(key: str) -> object:
        asked.set()
        assert answers.wait(timeout=60), "the event loop waits for the store"
        return get_tagged(key)

    monkeypatch.setattr(store, "get_tagged", slow)
    connected.add("a-1")
    supervisor.say(MINE, "failed")
    kill = asyncio.create_task(trigger().on_kill())
    while not asked.is_set():
        await asyncio.sleep(0.005)
    answers.set()
    await kill
    assert connected.alive == []
