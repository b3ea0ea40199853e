"""What a Ray step puts into XCom: a few figures, and where the rest is."""

from __future__ import annotations

import json

import pytest

from ray_jobs.contract import keys
from ray_jobs.storage import MissingObjectError, write_document
from tasks.results import of_step
from tests.fakes import InMemoryStore
from tests.tasks import documents


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    documents.write_run(store)
    return store


def test_a_training_tells_its_best_epoch_and_not_its_last(store: InMemoryStore):
    whole = documents.training("best")
    write_document(store, whole.model_copy(update={"best_epoch": 2}), keys.run("best", TRAINING))
    metrics = of_step(store, "best", "train")["metrics"]
    assert (metrics["best_epoch"], metrics["epochs"]) == (2, 3)
    assert (metrics["val_accuracy"], metrics["val_loss"]) == (0.7, 0.6)


TRAINING = "training.json"


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("train", TRAINING),
        ("export", "exports.json"),
        ("verify", "verification.json"),
        ("evaluate", "evaluation.json"),
    ],
)
def test_every_step_names_its_document_and_is_plain_json(
    store: InMemoryStore, step: str, name: str
):
    figures = of_step(store, "abc", step)
    assert figures["document"] == f"s3://memory/runs/abc/{name}"
    assert json.loads(json.dumps(figures)) == figures


def test_an_export_tells_its_formats(store: InMemoryStore):
    assert of_step(store, "abc", "export")["metrics"] == {"formats": ["savedmodel"], "seconds": 3.0}


def test_a_verification_tells_how_close_it_came(store: InMemoryStore):
    metrics = of_step(store, "abc", "verify")["metrics"]
    assert metrics == {"images": 4, "max_difference": 1e-7, "tolerance": 1e-5}


def test_an_evaluation_without_a_champion_says_so(store: InMemoryStore):
    metrics = of_step(store, "abc", "evaluate")["metrics"]
    assert metrics["champion"] is None
    assert metrics["candidate"]["images"] == 45


def test_an_evaluation_tells_both_models(store: InMemoryStore):
    both = documents.evaluation(documents.scores(41), documents.scores(36, version=7))
    write_document(store, both, keys.run("both", "evaluation.json"))
    metrics = of_step(store, "both", "evaluate")["metrics"]
    assert metrics["champion"]["model_version"] == 7
    assert metrics["champion"]["accuracy"] == 0.8


def test_a_step_that_wrote_nothing_is_an_error(store: InMemoryStore):
    with pytest.raises(MissingObjectError, match=r"runs/other/training\.json does not exist"):
        of_step(store, "other", "train")
