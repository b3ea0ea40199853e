"""What a Ray step puts into XCom: a few figures, and where the rest is."""

from __future__ import annotations

import json

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.export import ExportFormat
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
    ("step", "key"),
    [
        ("train", f"runs/abc/{TRAINING}"),
        ("export", "runs/abc/exports.json"),
        ("verify", "runs/abc/verification.json"),
        ("evaluate", "judged/abc/evaluation.json"),
    ],
)
def test_every_step_names_its_document_and_is_plain_json(store: InMemoryStore, step: str, key: str):
    figures = of_step(store, "abc", step)
    assert figures["document"] == f"s3://memory/{key}"
    assert json.loads(json.dumps(figures)) == figures


def test_an_export_tells_the_size_of_each_format_and_why_one_is_missing(store: InMemoryStore):
    whole = documents.exports("half")
    refused = {ExportFormat.LITERT: "no such operation"}
    half = whole.model_copy(update={"exports": whole.exports[:1], "refused": refused})
    write_document(store, half, keys.run("half", "exports.json"))
    metrics = of_step(store, "half", "export")["metrics"]
    assert metrics["formats"] == {"savedmodel": 2468}  # two files of 1,234 bytes
    assert metrics["refused"] == {"litert": "no such operation"}


def test_a_verification_tells_how_close_and_how_fast_each_format_is(store: InMemoryStore):
    short = documents.verification("short", falls_short=ExportFormat.ONNX)
    write_document(store, short, keys.run("short", "verification.json"))
    metrics = of_step(store, "short", "verify")["metrics"]
    assert metrics["images"] == 45
    assert [one["published"] for one in metrics["formats"].values()] == [True, False, True]
    assert metrics["formats"]["onnx"] == {
        "published": False,
        "agreement": 30 / 44,
        "max_difference": 1e-4,
        "median_ms": 12.0,
        "p99_ms": 20.0,
    }


def test_a_format_that_gave_no_answer_has_no_figures(store: InMemoryStore):
    ran = documents.verification("mute")
    silent = {"parity": None, "latency": None, "published": False, "reason": "it cannot be asked"}
    formats = (ran.formats[0].model_copy(update=silent), *ran.formats[1:])
    mute = ran.model_copy(update={"formats": formats})
    write_document(store, mute, keys.run("mute", "verification.json"))
    told = of_step(store, "mute", "verify")["metrics"]["formats"]["savedmodel"]
    assert set(told.values()) == {False, None}


def test_an_evaluation_without_a_champion_says_so(store: InMemoryStore):
    metrics = of_step(store, "abc", "evaluate")["metrics"]
    assert metrics["comparison"] is None
    assert metrics["candidate"]["images"] == 45


def test_an_evaluation_tells_both_models_and_where_they_part(store: InMemoryStore):
    both = documents.evaluation(documents.scores(41), documents.scores(36, version=7))
    write_document(store, both, keys.judged("both", "evaluation.json"))
    compared = of_step(store, "both", "evaluate")["metrics"]["comparison"]
    assert compared["champion"]["model_version"] == 7
    assert compared["champion"]["accuracy"] == 0.8
    assert (compared["candidate_only"], compared["champion_only"]) == (5, 0)
    assert compared["p_value"] == 1 / 32


def test_a_step_that_wrote_nothing_is_an_error(store: InMemoryStore):
    with pytest.raises(MissingObjectError, match=r"runs/other/training\.json does not exist"):
        of_step(store, "other", "train")
