"""What a training's driver writes down of it."""

from __future__ import annotations

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import read_document, write_document
from ray_jobs.training.outcome import Outcome, TrainingState
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.trained_run import job_of
from tests.tasks import documents

pytestmark = pytest.mark.tf


def test_the_seconds_of_a_training_are_those_of_every_attempt(monkeypatch: pytest.MonkeyPatch):
    from ray_jobs import train_job

    store, told = InMemoryStore(), documents.training()
    write_document(store, documents.manifest(), keys.manifest("sample", "v1"))
    outcome = Outcome(
        state=TrainingState(seconds=5400.0, history=told.epochs, best_epoch=told.best_epoch),
        weights=told.weights,
        calibration=told.calibration,
        workers=2,
    )
    # In the place of a cluster, to which an earlier driver had given an hour.
    monkeypatch.setattr(train_job.driver, "train", lambda *order: outcome.to_json().decode())
    train_job.run(job_of(store))
    assert read_document(store, TrainingResult, keys.run("abc", "training.json")).seconds == 5400.0
