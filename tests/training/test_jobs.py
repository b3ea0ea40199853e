"""Export, verification, evaluation and prediction, with a model too small to be good at it."""

from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from ray_jobs import evaluate_job, export_job, predict, verify_job
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer, Promotion
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError, SortlineError
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.export import ExportResult, VerificationResult
from ray_jobs.entry import Job
from ray_jobs.storage import put_content, read_document, write_document
from tests.fakes import InMemoryStore
from tests.tasks import documents
from tests.training.conftest import KERAS_COPY, jpeg, store_shard
from tests.training.rosters import entries_of, with_entries

pytestmark = [pytest.mark.tf, KERAS_COPY]

IMAGES = [(jpeg(n), n % 3) for n in range(9)]


def job_of(store: InMemoryStore, run_id: str = "abc") -> Job:
    return Job(spec=documents.spec(run_id), store=store, bucket="memory")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> InMemoryStore:
    """A data set of nine images, and a run that has trained on it."""
    from ray_jobs.training.models import classifier

    store, folder = InMemoryStore(), tmp_path_factory.mktemp("trained")
    shard = store_shard(store, folder, IMAGES)
    manifest = documents.manifest().model_copy(update={"shards": dict.fromkeys(Split, (shard,))})
    entries = [e for split in Split for e in entries_of(IMAGES, split, documents.CLASSES)]
    manifest = with_entries(store, manifest, entries)
    write_document(store, manifest, keys.manifest("sample", "v1"))
    model = classifier.from_recipe(documents.RECIPE, len(documents.CLASSES))
    model.save_weights(folder / "m.weights.h5")
    data = (folder / "m.weights.h5").read_bytes()
    name = f"weights/{hashlib.sha256(data).hexdigest()}.weights.h5"
    weights = put_content(store, keys.run("abc", name), data)
    result = documents.training().model_copy(update={"weights": weights})
    write_document(store, result, keys.run("abc", "training.json"))
    return store


@pytest.fixture(scope="module")
def exported(trained) -> InMemoryStore:
    export_job.run(job_of(trained))
    return trained


def exports_of(store: InMemoryStore) -> ExportResult:
    return read_document(store, ExportResult, keys.run("abc", "exports.json"))


@pytest.fixture
def copy(exported) -> InMemoryStore:
    """A store that a test may spoil."""
    store = InMemoryStore()
    store.objects = dict(exported.objects)
    return store


@pytest.fixture(scope="module")
def export_dir(exported, tmp_path_factory):
    from ray_jobs.training.export import shipped

    return shipped.download(exported, exports_of(exported), tmp_path_factory.mktemp("export"))


def test_an_export_names_every_file_with_its_hash(exported):
    (export,) = exports_of(exported).exports
    names = {ref.key.removeprefix(export.prefix) for ref in export.files}
    assert {"saved_model.pb", "labels.json", "variables/variables.index"} <= names
    for ref in export.files:
        assert hashlib.sha256(exported.get(ref.key)).hexdigest() == ref.sha256


def test_labels_and_input_size_lie_beside_the_model(export_dir):
    labels = json.loads((export_dir / "labels.json").read_bytes())
    assert (tuple(labels["classes"]), labels["image_px"]) == (documents.CLASSES, 32)


def test_no_weight_is_shipped_twice(exported):
    (export,) = exports_of(exported).exports
    shipped = sum(ref.size_bytes for ref in export.files if "variables.data" in ref.key)
    assert shipped < 3.5e6 * 4  # Lite0 has 3.4 million weights without its old head


def test_exporting_again_changes_nothing(copy):
    before = dict(copy.objects)
    export_job.run(job_of(copy))
    assert copy.objects == before


def test_an_export_that_died_half_way_is_made_again_beside_what_it_left(copy):
    left = exports_of(copy).exports[0]
    del copy.objects[keys.run("abc", "exports.json")]
    copy.objects[left.files[0].key] = b"half"
    export_job.run(job_of(copy))
    for ref in exports_of(copy).exports[0].files:
        assert hashlib.sha256(copy.get(ref.key)).hexdigest() == ref.sha256


def test_a_verified_export_answers_as_the_trained_model(copy):
    verify_job.run(job_of(copy))
    result = read_document(copy, VerificationResult, keys.run("abc", "verification.json"))
    assert (result.images, result.tolerance) == (8, 1e-4)
    assert result.max_difference < 1e-5


def test_an_export_that_answers_otherwise_is_refused_and_nothing_is_written(copy):
    from ray_jobs.training.export import probe as probes

    found = exports_of(copy)
    probe = probes.from_bytes(copy.get(found.probe.key))
    other = probes.to_bytes(probe._replace(probabilities=probe.probabilities + 2e-4))
    forged = put_content(copy, keys.run("abc", "other.npz"), other)
    copy.put(keys.run("abc", "exports.json"), found.model_copy(update={"probe": forged}).to_json())
    with pytest.raises(SortlineError, match=r"differs .* by 0.0002; expected at most 0.0001"):
        verify_job.run(job_of(copy))
    assert not copy.exists(keys.run("abc", "verification.json"))


def test_an_export_that_was_changed_in_the_store_is_never_loaded(copy):
    (export,) = exports_of(copy).exports
    copy.objects[next(r.key for r in export.files if r.key.endswith(".pb"))] = b"other"
    with pytest.raises(DataError, match="as recorded when it was written"):
        verify_job.run(job_of(copy))


def test_the_candidate_is_scored_on_every_test_image(copy, export_dir):
    from ray_jobs.training.export import shipped

    evaluate_job.run(job_of(copy))
    result = read_document(copy, EvaluationResult, keys.run("abc", "evaluation.json"))
    assert (result.split, result.champion) == (Split.TEST, None)
    assert result.candidate.images == 9
    assert [result.candidate.classes[name].images for name in documents.CLASSES] == [3, 3, 3]
    model = shipped.load(export_dir)
    hits = sum(
        int(np.argmax(model.probabilities(square(image)))) == label for image, label in IMAGES
    )
    assert result.candidate.correct == hits


def square(encoded: bytes) -> np.ndarray:
    from ray_jobs.training.data.records import decode

    return decode(encoded, 32).numpy()[None]


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


def predictions(capsys, export_dir, *images: str, top: int = 2):
    predict.main(["--export-dir", str(export_dir), "--top", str(top), "--", *images])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_predict_answers_as_the_evaluation_does(capsys, export_dir, tmp_path):
    from ray_jobs.training.export import shipped

    photo = tmp_path / "photo.png"
    Image.open(io.BytesIO(IMAGES[0][0])).save(photo)
    (answer,) = predictions(capsys, export_dir, str(photo), top=3)
    shares = {c["label"]: c["probability"] for c in answer["classes"]}
    expected = shipped.load(export_dir).probabilities(square(IMAGES[0][0]))[0]
    assert [shares[name] for name in documents.CLASSES] == pytest.approx(expected, abs=1e-3)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_a_rotated_photo_is_answered_as_the_upright_one(capsys, export_dir, tmp_path):
    upright, rotated = tmp_path / "upright.png", tmp_path / "rotated.png"
    image = Image.open(io.BytesIO(IMAGES[1][0]))
    image.save(upright)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(rotated, exif=exif)
    first, second = predictions(capsys, export_dir, str(upright), str(rotated))
    assert first["classes"] == second["classes"]


def test_a_broken_photo_is_an_error_and_the_others_are_answered(capsys, export_dir, tmp_path):
    broken, good = tmp_path / "broken.jpg", tmp_path / "good.jpg"
    broken.write_bytes(IMAGES[0][0][:200])
    good.write_bytes(IMAGES[0][0])
    answers = predictions(capsys, export_dir, str(broken), str(good), str(tmp_path / "none.jpg"))
    assert "cannot be read as an image" in answers[0]["error"]
    assert [c["label"] for c in answers[1]["classes"]]
    assert "No such file" in answers[2]["error"]
    assert "classes" not in answers[0]
