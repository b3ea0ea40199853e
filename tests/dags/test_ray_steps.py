"""Which Ray jobs of a step count as done."""

from __future__ import annotations

import pytest
from airflow.sdk.execution_time.context import set_current_context

from ray_jobs.contract import keys
from tasks.operators.jobs_api import Job, JobStatus
from tests.tasks.documents import manifest, publish

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def planned(staged, store):
    publish(store, manifest())
    stage = staged("retrain_classifier")
    stage.run("plan")
    return stage


def is_lost(stage, step: str, status: JobStatus) -> bool:
    with set_current_context(stage.context(step)):
        return stage.dag.get_task(step).is_lost(Job(f"{step}-1", status))


@pytest.mark.parametrize(
    ("step", "key_of", "name"),
    [
        ("train", keys.run, "training.json"),
        ("export", keys.run, "exports.json"),
        ("verify", keys.run, "verification.json"),
        ("evaluate", keys.judged, "evaluation.json"),
    ],
)
def test_a_job_that_succeeded_and_whose_document_was_removed_is_made_again(
    planned, store, step, key_of, name
):
    assert is_lost(planned, step, JobStatus.SUCCEEDED)
    store.put(key_of(planned.xcoms["plan", "plan"]["run_id"], name), b"{}")
    assert not is_lost(planned, step, JobStatus.SUCCEEDED)


def test_a_job_that_runs_has_no_document_yet_and_one_that_failed_needs_none(planned):
    assert not is_lost(planned, "train", JobStatus.RUNNING)
    assert is_lost(planned, "train", JobStatus.FAILED)
