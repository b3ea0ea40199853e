"""An evaluation, with a model too small to be good at it."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs import evaluate_job, export_job
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer, Promotion
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportResult
from ray_jobs.storage import read_document, write_document
from tests.fakes import InMemoryStore
from tests.tasks import documents
from tests.training.conftest import KERAS_COPY
from tests.training.trained_run import PHOTOS, copy_of, job_of, trained_run

pytestmark = [pytest.mark.tf, KERAS_COPY]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> InMemoryStore:
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def exported(trained) -> InMemoryStore:
    export_job.run(job_of(trained))
    return trained


def exports_of(store: InMemoryStore) -> ExportResult:
    return read_document(store, ExportResult, keys.run("abc", "exports.json"))


@pytest.fixture
def copy(exported) -> InMemoryStore:
    """A store that a test may spoil."""
    return copy_of(exported)


@pytest.fixture(scope="module")
def export_dir(exported, tmp_path_factory):
    from ray_jobs.training.export import shipped

    return shipped.download(exported, exports_of(exported), tmp_path_factory.mktemp("export"))


def test_the_candidate_is_scored_on_every_test_image(copy, export_dir):
    from ray_jobs.training.export import shipped

    evaluate_job.run(job_of(copy))
    result = read_document(copy, EvaluationResult, keys.run("abc", "evaluation.json"))
    assert (result.split, result.champion) == (Split.TEST, None)
    assert result.candidate.images == 9
    assert [result.candidate.classes[name].images for name in documents.CLASSES] == [3, 3, 3]
    model = shipped.load(export_dir)
    hits = sum(
        int(np.argmax(model.probabilities(square(image)))) == label for image, label in PHOTOS
    )
    assert result.candidate.correct == hits


def square(encoded: bytes) -> np.ndarray:
    from ray_jobs.training.data.records import decode

    return decode(encoded, 48).numpy()[None]


def test_the_champion_is_scored_on_the_same_images_under_its_own_names(copy):
    champion = ChampionPointer(
        model="sample",
        model_version=7,
        run_id="old",
        history=(Promotion(model_version=7, run_id="old", by="x", at="2026-01-01T00:00:00Z"),),
    )
    write_document(copy, champion, keys.champion("sample"))
    copy.put(keys.run("old", "exports.json"), exports_of(copy).to_json())
    evaluate_job.run(job_of(copy))
    result = read_document(copy, EvaluationResult, keys.run("abc", "evaluation.json"))
    assert result.champion is not None
    assert (result.champion.run_id, result.champion.model_version) == ("old", 7)
    assert result.champion.confusion == result.candidate.confusion


def test_evaluating_again_changes_nothing(copy):
    evaluate_job.run(job_of(copy))
    before = dict(copy.objects)
    evaluate_job.run(job_of(copy))
    assert copy.objects == before
