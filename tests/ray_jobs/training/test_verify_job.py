"""Every export is run on the whole test split, and told of as it was seen."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from ray_jobs import export_job, verify_job
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import ExportFormat, ExportResult, VerificationResult
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import read_document
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import KERAS_COPY
from tests.ray_jobs.training.rosters import entries_of, with_entries
from tests.ray_jobs.training.trained_run import PHOTOS, copy_of, job_of, put_training, trained_run

pytestmark = [pytest.mark.tf, KERAS_COPY]

VERIFICATION = keys.run("abc", "verification.json")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> InMemoryStore:
    store = trained_run(tmp_path_factory.mktemp("trained"))
    export_job.run(job_of(store))
    return store


@pytest.fixture(scope="module")
def verified(exported) -> InMemoryStore:
    store = copy_of(exported)
    verify_job.run(job_of(store))
    return store


@pytest.fixture
def copy(exported) -> InMemoryStore:
    return copy_of(exported)


def result_of(store: InMemoryStore) -> VerificationResult:
    return read_document(store, VerificationResult, VERIFICATION)


def exports_of(store: InMemoryStore) -> ExportResult:
    return read_document(store, ExportResult, keys.run("abc", "exports.json"))


def test_every_format_is_at_parity_on_every_test_image(verified):
    result = result_of(verified)
    assert result.published == tuple(ExportFormat)
    assert result.clean_process
    assert result.images == len(PHOTOS)
    for one in result.formats:
        assert (one.parity.images, one.parity.same, one.parity.ties) == (9, 9, 0)
        assert one.parity.max_difference <= result.difference_bound[one.format]


def test_every_format_is_timed(verified):
    for one in result_of(verified).formats:
        assert one.latency.requests == 100
        assert one.latency.threads >= 1
        assert 0 < one.latency.median_ms <= one.latency.p99_ms


def test_verifying_again_changes_nothing(verified):
    before = dict(verified.objects)
    verify_job.run(job_of(verified))
    assert verified.objects == before


def test_exports_of_another_model_are_not_published_and_the_reason_says_the_figures(copy, tmp_path):
    put_training(copy, tmp_path, seed=1)
    verify_job.run(job_of(copy))
    result = result_of(copy)
    assert result.published == ()
    for one in result.formats:
        assert one.parity.agreement is not None
        assert f"on {one.parity.same} of {9 - one.parity.ties} images" in str(one.reason)
        assert f"differs by {one.parity.max_difference:.2g}" in str(one.reason)


def test_one_format_that_falls_short_leaves_the_others_published(copy, exported, tmp_path):
    put_training(copy, tmp_path, seed=1)
    del copy.objects[keys.run("abc", "exports.json")]
    export_job.run(job_of(copy))
    of_another = {export.format: export for export in exports_of(copy).exports}
    spoilt = copy_of(exported)
    spoilt.objects |= {k: v for k, v in copy.objects.items() if "/export/" in k}
    result = exports_of(exported)
    mixed = (*result.exports[:2], of_another[ExportFormat.LITERT])
    forged = result.model_copy(update={"exports": mixed})
    spoilt.put(keys.run("abc", "exports.json"), forged.to_json())
    verify_job.run(job_of(spoilt))
    assert result_of(spoilt).published == (ExportFormat.SAVED_MODEL, ExportFormat.ONNX)


def ship_as(store: InMemoryStore, kind: ExportFormat, folder: Path) -> None:
    """Ship the files below a folder as the run's export of a format."""
    result = exports_of(store)
    shipped = export_job.ship(store, "abc", kind, result.of(kind).entry, folder)
    exports = tuple(shipped if one.format is kind else one for one in result.exports)
    forged = result.model_copy(update={"exports": exports})
    store.put(keys.run("abc", "exports.json"), forged.to_json())


def litert_of(image_px: int) -> bytes:
    """A LiteRT file that takes images of this size alone."""
    import tensorflow as tf

    module = tf.Module()
    weights = tf.ones([image_px * image_px * 3, 3])
    batch = tf.TensorSpec([None, image_px, image_px, 3], tf.float32, name="images")
    module.ask = tf.function(
        lambda images: {"probabilities": tf.reshape(images, [-1, len(weights)]) @ weights},
        input_signature=[batch],
    )
    asked = [module.ask.get_concrete_function()]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": asked[0]})
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def test_formats_that_cannot_be_opened_or_asked_are_told_of_and_the_savedmodel_goes_on(
    copy, tmp_path
):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"no model")
    (tmp_path / "litert").mkdir()
    (tmp_path / "litert" / "model.tflite").write_bytes(litert_of(20))
    ship_as(copy, ExportFormat.ONNX, tmp_path / "onnx")
    ship_as(copy, ExportFormat.LITERT, tmp_path / "litert")
    verify_job.run(job_of(copy))
    result = result_of(copy)
    assert result.published == (ExportFormat.SAVED_MODEL,)
    _, onnx, litert = result.formats
    assert (onnx.parity, onnx.latency) == (litert.parity, litert.latency) == (None, None)
    assert str(onnx.reason).startswith("it cannot be opened: ")
    assert str(litert.reason).startswith("it cannot be asked: ")
    assert len(str(litert.reason)) > len("it cannot be asked: ")


def test_a_savedmodel_that_a_clean_process_cannot_serve_is_not_published(copy, tmp_path):
    """Its signature of files names the classes in another order than training does."""
    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.savedmodel import write_savedmodel
    from ray_jobs.training.export.trained import Trained, rebuild

    job, labels = job_of(copy), ("metal", "paper", "glass")
    training = read_document(copy, TrainingResult, keys.run("abc", "training.json"))
    trained = rebuild(copy, job.spec.recipe, training, tmp_path)
    turned = Trained(trained.model, trained.temperature, Labels(classes=labels, image_px=48))
    saved = exports_of(copy).of(ExportFormat.SAVED_MODEL)
    write_savedmodel(turned, tmp_path / "export" / saved.entry)
    ship_as(copy, ExportFormat.SAVED_MODEL, tmp_path / "export")
    verify_job.run(job)
    result = result_of(copy)
    assert result.published == (ExportFormat.ONNX, ExportFormat.LITERT)
    assert not result.clean_process
    ran = result.formats[0]
    assert ran.parity.agreement == 1
    told = r"a clean process answers '.+' to a photo, expected '.+', as the export .+"
    assert re.fullmatch(told, str(ran.reason))


def test_a_test_split_without_images_verifies_nothing(copy):
    key = keys.manifest("sample", "v1")
    manifest = read_document(copy, DatasetManifest, key)
    emptied = manifest.model_copy(update={"shards": {**manifest.shards, Split.TEST: ()}})
    del copy.objects[manifest.entries.key]
    copy.put(key, with_entries(copy, emptied, []).to_json())
    with pytest.raises(DataError, match="has no images"):
        verify_job.run(job_of(copy))
    assert not copy.exists(VERIFICATION)


def test_shards_that_lack_a_photo_of_the_version_verify_nothing(copy):
    key = keys.manifest("sample", "v1")
    manifest = read_document(copy, DatasetManifest, key)
    (shard,) = manifest.shards[Split.TEST]
    counted = shard.model_copy(update={"records": shard.records + 1})
    shards = {**manifest.shards, Split.TEST: (counted,)}
    (gone,) = entries_of([(b"gone", 0)], Split.TEST, manifest.classes)
    rows = [*entries_of(PHOTOS, Split.TEST, manifest.classes), replace(gone, shard=shard.key)]
    del copy.objects[manifest.entries.key]
    told = with_entries(copy, manifest.model_copy(update={"shards": shards}), rows)
    copy.put(key, told.to_json())
    with pytest.raises(DataError, match="the shards gave 9 photos to answer; expected 10, as"):
        verify_job.run(job_of(copy))
    assert not copy.exists(VERIFICATION)


def test_an_export_that_was_changed_in_the_store_is_never_loaded(copy):
    saved_model = exports_of(copy).exports[0]
    key = next(ref.key for ref in saved_model.files if ref.key.endswith(".pb"))
    copy.objects[key] = b"other"
    with pytest.raises(DataError, match="as recorded when it was written"):
        verify_job.run(job_of(copy))
