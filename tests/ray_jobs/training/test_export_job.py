"""What an export job leaves in the store, once."""

from __future__ import annotations

import hashlib
import json

import pytest

from ray_jobs import export_job
from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import Export, ExportFormat, ExportResult
from ray_jobs.storage import read_document
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY
from tests.ray_jobs.training.trained_run import RECIPE, copy_of, job_of, trained_run
from tests.tasks import documents

pytestmark = [pytest.mark.tf, KERAS_COPY]


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> InMemoryStore:
    store = trained_run(tmp_path_factory.mktemp("trained"))
    export_job.run(job_of(store))
    return store


@pytest.fixture
def copy(exported) -> InMemoryStore:
    return copy_of(exported)


def result_of(store: InMemoryStore) -> ExportResult:
    return read_document(store, ExportResult, keys.run("abc", "exports.json"))


def names_of(export: Export) -> set[str]:
    return {ref.key.removeprefix(export.prefix) for ref in export.files}


def test_an_export_has_every_format_and_what_a_caller_must_know(exported):
    result = result_of(exported)
    assert [export.format for export in result.exports] == list(ExportFormat)
    assert (result.model, result.model_version, result.refused) == ("sample", 2, {})
    assert (result.classes, result.image_px) == (documents.CLASSES, RECIPE.image_px)
    assert result.temperature == 1.5


def test_a_saved_model_lies_as_tensorflow_serving_wants_it(exported):
    saved_model = result_of(exported).exports[0]
    assert saved_model.entry == "sample/2"
    assert {
        "labels.json",
        "preprocessing.json",
        "sample/2/saved_model.pb",
        "sample/2/variables/variables.index",
    } <= names_of(saved_model)


def test_the_other_formats_are_a_file_beside_its_labels(exported):
    _, onnx, litert = result_of(exported).exports
    beside = {"labels.json", "preprocessing.json"}
    assert names_of(onnx) == {"model.onnx", *beside}
    assert names_of(litert) == {"model.tflite", *beside}
    assert (onnx.entry, litert.entry) == ("model.onnx", "model.tflite")


def test_every_file_is_named_with_its_hash(exported):
    for export in result_of(exported).exports:
        for ref in export.files:
            assert hashlib.sha256(exported.get(ref.key)).hexdigest() == ref.sha256


def test_labels_and_input_size_lie_beside_every_model(exported):
    for export in result_of(exported).exports:
        labels = json.loads(exported.get(export.prefix + "labels.json"))
        assert (tuple(labels["classes"]), labels["image_px"]) == (documents.CLASSES, 48)


def test_exporting_again_changes_nothing(copy):
    before = dict(copy.objects)
    export_job.run(job_of(copy))
    assert copy.objects == before


def test_an_export_that_died_half_way_is_made_again_beside_what_it_left(copy):
    left = result_of(copy).exports[0]
    del copy.objects[keys.run("abc", "exports.json")]
    copy.objects[left.files[0].key] = b"half"
    export_job.run(job_of(copy))
    for export in result_of(copy).exports:
        for ref in export.files:
            assert hashlib.sha256(copy.get(ref.key)).hexdigest() == ref.sha256


def test_weights_that_were_changed_in_the_store_are_never_loaded(copy):
    del copy.objects[keys.run("abc", "exports.json")]
    copy.objects[next(key for key in copy.objects if key.endswith(".h5"))] = b"other"
    with pytest.raises(DataError, match="as recorded when it was written"):
        export_job.run(job_of(copy))
