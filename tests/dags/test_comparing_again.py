"""The champion moves while a run is judged: nothing is decided, and the same order runs again."""

from __future__ import annotations

import copy

import pytest
from airflow.sdk.execution_time.context import set_current_context

from ray_jobs.contract import keys
from ray_jobs.contract.verdict import Decision, Verdict
from ray_jobs.storage import find_document, read_document, write_document
from tasks.judging import champion
from tests.dags.stage import event
from tests.tasks.clock import EVENING, LATER, NOON
from tests.tasks.documents import (
    evaluation,
    manifest,
    publish,
    registration,
    scores,
    verification,
)

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

DAG = "retrain_classifier"
NOT_ASKED = {"answer": "not_asked", "by": None}


def promote(store, version: int, at=NOON) -> None:
    now = champion.read(store, "sample").pointer
    to = champion.move(version, f"run{version}", by="gate", at=at)
    champion.promote(store, "sample", to, judged_against=now.model_version if now else None)


def evaluated(store, run_id: str) -> None:
    """The run is verified, and evaluated beside champion version 1; it is better."""
    beside = evaluation(scores(45, run_id=run_id), scores(35, run_id="run1", version=1))
    write_document(store, beside, keys.judged(run_id, "evaluation.json"))
    write_document(store, verification(run_id), keys.run(run_id, "verification.json"))
    write_document(store, registration(run_id), keys.run(run_id, "registration.json"))


@pytest.fixture
def planned(staged, store):
    """A run that was ordered with a recipe and evaluated; version 1 is the champion."""
    publish(store, manifest())
    promote(store, 1)
    stage = staged(DAG, conf={"recipe": "lite0_finetune", "epochs": 7, "note": "it's <new>"})
    stage.run("plan")
    evaluated(store, stage.xcoms["plan", "plan"]["run_id"])
    return stage


def run_id(stage) -> str:
    return stage.xcoms["plan", "plan"]["run_id"]


def verdict_of(store, stage) -> Verdict | None:
    return find_document(store, Verdict, keys.run(run_id(stage), "verdict.json"))


def skipped(stage, task_id: str) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match=r"moved|champion of now"):
        stage.run(task_id)


def test_a_champion_that_moved_before_the_gate_leaves_it_skipped(planned, store):
    promote(store, 5, LATER)
    skipped(planned, "gate")
    assert verdict_of(store, planned) is None


def test_a_champion_that_moved_before_the_promotion_leaves_it_skipped(planned, store):
    assert planned.run("gate")["decision"] == "promoted"
    planned.xcoms["approve", "return_value"] = NOT_ASKED
    promote(store, 5, LATER)
    skipped(planned, "promote")
    assert verdict_of(store, planned) is None
    assert list(store.keys("models/sample/decisions/")) == []
    assert champion.read(store, "sample").pointer.model_version == 5


def triggered(stage) -> dict:
    """What Airflow is told to run, by the operator with its templates filled in."""
    from airflow.sdk.exceptions import DagRunTriggerException

    task = copy.copy(stage.dag.get_task("compare_again"))
    context = stage.context("compare_again")
    task.render_template_fields(context)
    with pytest.raises(DagRunTriggerException) as told:
        task.execute.__wrapped__(task, context)
    assert (told.value.trigger_dag_id, told.value.wait_for_completion) == (DAG, False)
    return told.value.conf


def test_the_run_that_is_triggered_is_of_the_same_run_id(planned, store, staged):
    again = staged(DAG, conf=triggered(planned), run_id="manual__2")
    assert again.run("plan") is True
    assert run_id(again) == run_id(planned)
    assert again.conf["note"] == "it's <new>"


def test_of_two_runs_that_are_triggered_for_a_forced_one_the_second_has_nothing_to_do(
    staged, store
):
    publish(store, manifest())
    first = staged(DAG)
    first.run("plan")
    store.put(keys.judged(run_id(first), "card.json"), b"{}")
    forced = staged(DAG, conf={"force": True}, run_id="manual__2")
    forced.run("plan")
    order = triggered(forced)
    again, twin = (staged(DAG, conf=order, run_id=f"manual__{n}") for n in (3, 4))
    assert again.run("plan") is True
    assert run_id(again) == run_id(forced) == f"{run_id(first)}-2"
    store.put(keys.judged(run_id(again), "card.json"), b"{}")
    assert twin.run("plan") is False


def test_a_champion_that_went_and_came_back_is_compared_with_anew(planned, store):
    before = compared_with(planned)
    promote(store, 5, LATER)
    champion.rollback(store, "sample", None, "ada", EVENING)
    assert (before, compared_with(planned)) == ("vs1.1", "vs1.3")


def test_a_newer_version_is_judged_on_by_a_job_of_its_own(planned, store):
    store.put(keys.latest("sample"), b'{"dataset": "sample", "version": "v2"}')
    assert compared_with(planned) == "vs1.1-on-v2"


def compared_with(stage) -> str:
    """What names the evaluation beside its run."""
    with set_current_context(stage.context("evaluate")):
        return stage.dag.get_task("evaluate").variant()


def test_an_announced_run_is_compared_again_on_its_own_version(staged, store):
    publish(store, manifest())
    stage = staged(DAG, events=[event(NOON, dataset="sample", version="v1")])
    stage.run("plan")
    write_document(store, manifest(version="v2"), keys.manifest("sample", "v2"))
    store.put(keys.latest("sample"), b'{"dataset": "sample", "version": "v2"}')
    again = staged(DAG, conf=triggered(stage))
    again.run("plan")
    assert again.xcoms["plan", "plan"]["version"] == "v1"
    assert run_id(again) == run_id(stage)


def test_the_second_comparison_decides(planned, store, staged):
    promote(store, 5, LATER)
    again = staged(DAG, conf=triggered(planned), run_id="manual__2")
    again.run("plan")
    beside = evaluation(scores(45, run_id=run_id(again)), scores(44, run_id="run5", version=5))
    store.put(keys.judged(run_id(again), "evaluation.json"), beside.to_json())
    assert again.run("gate")["decision"] == "kept"
    again.xcoms["approve", "return_value"] = NOT_ASKED
    assert again.run("promote")["decision"] == "kept"
    verdict = read_document(store, Verdict, keys.run(run_id(again), "verdict.json"))
    assert (verdict.decision, verdict.champion_before) == (Decision.KEPT, 5)
    assert list(store.keys("models/sample/decisions/")) == [
        keys.decisions_on("sample", "d" * 64) + run_id(again)
    ]


def test_it_runs_where_the_promotion_was_skipped_and_only_there(loaded):
    task = loaded.dags[DAG].get_task("compare_again")
    assert task.trigger_rule == "all_skipped"
    assert task.upstream_task_ids == {"promote"}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ('{"acuracy_floor": 0.6}', "'acuracy_floor' is not a key of Policy.*'accuracy_floor'"),
        ('{"accuracy_floor": "0.6"}', "sortline_policy: accuracy_floor is '0.6'"),
        ('{"error_rate": 0.5}', "error_rate is 0.5; expected less than 0.5"),
        ('{"aim": "best"}', "aim is 'best'; expected 'better' or 'not-worse'"),
        ("0.6", "the Variable sortline_policy"),
        ("{", "the Variable sortline_policy"),
    ],
)
def test_a_wrong_policy_is_told_before_anything_is_trained(
    staged, store, monkeypatch, policy, message
):
    publish(store, manifest())
    monkeypatch.setenv("AIRFLOW_VAR_SORTLINE_POLICY", policy)
    with pytest.raises(Exception, match=message):
        staged(DAG).run("plan")
    assert list(store.keys("runs/")) == []


def test_the_gate_judges_by_the_policy_of_the_variable(planned, monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_SORTLINE_POLICY", '{"latency_ms": 11.5}')
    verdict = planned.run("gate")
    assert verdict["reasons"] == [
        "savedmodel answers one image in 12.0 ms (median), at most 11.5 ms"
    ]
    assert verdict["policy"]["latency_ms"] == 11.5
