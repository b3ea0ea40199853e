"""The task `approve`, and what `promote` makes of its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act
from ray_jobs.contract.verdict import Decision, Verdict
from ray_jobs.storage import read_document, write_document
from tasks.judging import champion
from tests.tasks.clock import LATER, NOON
from tests.tasks.documents import manifest, publish, registration, verdict, write_run

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

RUN = "abc"
URL = "http://mlflow/#/models/sample/versions/2"


@pytest.fixture
def store(store):
    """A run up to its evaluation; version 1 is the champion."""
    write_run(store, RUN)
    publish(store, manifest())
    store.delete([keys.run(RUN, "verdict.json")])
    first = champion.move(1, "old", by="gate", at=NOON)
    champion.promote(store, "sample", first, judged_against=None)
    return store


@pytest.fixture
def asked(monkeypatch) -> list[dict]:
    """What Airflow is told to ask; the webhook has no connection."""
    told: list[dict] = []
    where = "airflow.providers.standard.operators.hitl.upsert_hitl_detail"
    monkeypatch.setattr(where, lambda **question: told.append(question))
    return told


@pytest.fixture
def run(staged, store, mlflow_run_id):
    """A run that the gate has judged."""

    def judged(decision=Decision.PROMOTED, *, require_approval=True, **planned):
        stage = staged("retrain_classifier")
        plan = {"run_id": RUN, "model": "sample", "require_approval": require_approval}
        stage.xcoms["plan", "plan"] = plan | planned
        update = {"mlflow_run_id": mlflow_run_id, "url": URL}
        registered = registration(RUN).model_copy(update=update)
        store.put(keys.run(RUN, "registration.json"), registered.to_json())
        stage.xcoms["gate", "return_value"] = said(decision).model_dump(mode="json")
        return stage

    return judged


def said(decision: Decision) -> Verdict:
    """The gate's word, beside champion version 1."""
    known = {"reasons": ("better",), "champion_before": 1}
    return verdict(RUN, decision).model_copy(update=known)


def answered(*options: str, by: str | None = "ada") -> dict:
    return {
        "chosen_options": list(options),
        "params_input": {},
        "responded_at": datetime(2026, 1, 3, tzinfo=UTC),
        "responded_by_user": by and {"id": "1", "name": by},
        "timedout": by is None,
    }


def approve(stage, event):
    return stage.call("approve", "execute_complete", event=event)


def verdict_of(store) -> Verdict:
    return read_document(store, Verdict, keys.run(RUN, "verdict.json"))


def last_act(store) -> Act | None:
    return champion.read(store, "sample").pointer.history[-1].act


def history(store) -> list[tuple[int, str]]:
    return [(m.model_version, m.by) for m in champion.read(store, "sample").pointer.history]


@pytest.mark.parametrize(
    ("decision", "require"), [(Decision.PROMOTED, False), (Decision.KEPT, True)]
)
def test_where_nobody_is_to_be_asked_the_task_succeeds_at_once(run, asked, decision, require):
    stage = run(decision, require_approval=require)
    assert stage.call("approve", "execute") == {"answer": "not_asked", "by": None}
    assert asked == []


def test_a_person_is_asked_with_the_figures_and_a_time_limit(run, asked):
    from airflow.sdk.exceptions import TaskAwaitingInput

    stage = run()
    with pytest.raises(TaskAwaitingInput) as waiting:
        stage.call("approve", "execute")
    assert waiting.value.timeout == timedelta(hours=24)
    (question,) = asked
    assert (question["options"], question["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert question["subject"] == "Promote version 2 of sample?"
    assert "41 of 45 images" in question["body"]
    assert URL in question["body"]


@pytest.mark.parametrize(("try_number", "told"), [(1, False), (2, True)])
def test_a_second_question_says_that_an_answer_to_the_first_does_not_count(
    run, asked, caplog, try_number, told
):
    from airflow.sdk.exceptions import TaskAwaitingInput

    stage = run()
    stage.try_number = try_number
    with pytest.raises(TaskAwaitingInput):
        stage.call("approve", "execute")
    assert ("an answer to the question before does not count" in caplog.text) is told


@pytest.mark.parametrize("left", ["verdict", "pointer"])
def test_what_was_promoted_already_is_not_asked_about_again(run, store, asked, left):
    stage = run()
    if left == "verdict":
        write_document(store, said(Decision.KEPT), keys.run(RUN, "verdict.json"))
    else:
        champion.promote(
            store, "sample", champion.move(2, RUN, by="gate", at=NOON), judged_against=1
        )
    assert stage.call("approve", "execute")["answer"] == "not_asked"
    assert asked == []


def test_a_promotion_that_was_made_and_rolled_back_is_neither_asked_about_nor_made_again(
    run, store, asked, caplog
):
    stage = run()
    made = champion.move(2, RUN, by="gate", at=NOON)
    champion.promote(store, "sample", made, judged_against=1)
    champion.rollback(store, "sample", None, "ada", LATER)
    assert stage.call("approve", "execute")["answer"] == "not_asked"
    assert stage.run("promote")["decision"] == "promoted"
    assert history(store) == [(1, "gate"), (2, "gate"), (1, "ada")]
    assert "promoted before; since then version 1 was made champion" in caplog.text


def test_what_a_person_tried_and_took_back_before_is_asked_about_and_made(run, store, asked):
    from airflow.sdk.exceptions import TaskAwaitingInput

    stage = run()
    tried = champion.move(2, RUN, by="bob", at=NOON, act=Act.PROMOTION)
    champion.appoint(store, "sample", tried)
    champion.rollback(store, "sample", None, "bob", LATER)
    with pytest.raises(TaskAwaitingInput):
        stage.call("approve", "execute")
    assert len(asked) == 1
    approve(stage, answered("Approve"))
    assert stage.run("promote")["decision"] == "promoted"
    assert history(store)[-1] == (2, "gate, approved by ada")


def test_an_approved_promotion_is_made_and_names_the_person(run, store):
    stage = run()
    assert approve(stage, answered("Approve")) == {"answer": "approved", "by": "ada"}
    assert stage.run("promote")["decision"] == "promoted"
    assert history(store) == [(1, "gate"), (2, "gate, approved by ada")]
    assert last_act(store) is Act.APPROVAL
    assert verdict_of(store).reasons == ("a person (ada) approved the promotion", "better")


@pytest.mark.parametrize(
    ("event", "answer", "reason"),
    [
        (answered("Reject"), "rejected", "a person (ada) rejected the promotion"),
        (answered("Reject", by=None), "timed_out", "nobody approved within 24 hours"),
    ],
)
def test_a_rejection_or_silence_keeps_the_champion_and_the_run_goes_on(
    run, store, event, answer, reason
):
    stage = run()
    assert approve(stage, event)["answer"] == answer  # nothing is skipped, nothing raised
    assert stage.run("promote")["decision"] == "kept"
    assert verdict_of(store).reasons == (reason, "better")
    assert history(store) == [(1, "gate")]
    stage.run("report")
    assert reason in store.get(keys.judged(RUN, "report.html")).decode()


def test_without_a_question_the_gate_decides_alone(run, store):
    stage = run(require_approval=False)
    stage.call("approve", "execute")
    stage.run("promote")
    assert history(store) == [(1, "gate"), (2, "gate")]
    assert last_act(store) is Act.GATE
    assert verdict_of(store).reasons == ("better",)


def test_what_was_decided_stays_decided(run, store):
    stage = run()
    approve(stage, answered("Reject"))
    stage.run("promote")
    approve(stage, answered("Approve"))  # cleared, and asked by mistake
    assert stage.run("promote")["decision"] == "kept"
    assert history(store) == [(1, "gate")]


def test_the_base_s_time_out_and_ours_do_not_meet(loaded):
    task = loaded.dags["retrain_classifier"].get_task("approve")
    assert task.execution_timeout == timedelta(hours=1)
    assert task.response_timeout == timedelta(hours=24)
