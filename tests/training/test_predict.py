"""`python -m ray_jobs.predict`: files, folders, standard input, and what cannot be read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ray_jobs import predict
from tests.tasks import documents
from tests.training.conftest import KERAS_COPY, jpeg
from tests.training.trained_run import PHOTOS, RECIPE

pytestmark = [pytest.mark.tf, KERAS_COPY]


@pytest.fixture(scope="module")
def export_root(tmp_path_factory) -> Path:
    """Every format of a small model."""
    import tensorflow as tf

    from ray_jobs.training.export.formats import write_formats
    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.trained import Trained
    from ray_jobs.training.models import classifier

    tf.keras.utils.set_random_seed(0)
    labels = Labels(classes=documents.CLASSES, image_px=RECIPE.image_px)
    trained = Trained(classifier.from_recipe(RECIPE, len(documents.CLASSES)), 0.01, labels)
    root = tmp_path_factory.mktemp("exports")
    write_formats(trained, "waste", 1, root)
    return root


ENTRIES = {"savedmodel": "waste/1", "onnx": "model.onnx", "litert": "model.tflite"}


def words(root: Path, *photos: object, kind: str = "savedmodel", top: int = 2) -> list[str]:
    options = ["--export-dir", str(root / kind), "--format", kind, "--entry", ENTRIES[kind]]
    return [*options, "--top", str(top), "--", *map(str, photos)]


def predictions(capsys, *arguments, **options):
    predict.main(words(*arguments, **options))
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def shares(answer: dict) -> dict[str, float]:
    """Probabilities by label, in the order of the answer."""
    return {one["label"]: one["probability"] for one in answer["classes"]}


def photo_at(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(seed))
    return path


@pytest.mark.parametrize("kind", ENTRIES)
def test_every_format_answers_a_record_as_training_sees_it(kind, capsys, export_root, tmp_path):
    from ray_jobs.training.data.records import decode
    from ray_jobs.training.export import shipped

    files = [tmp_path / f"{number}" for number in range(len(PHOTOS))]
    for file, (data, _) in zip(files, PHOTOS, strict=True):
        file.write_bytes(data)
    answers = predictions(capsys, export_root, *files, kind=kind, top=3)
    squares = np.stack([decode(data, RECIPE.image_px) for data, _ in PHOTOS])
    expected = shipped.load(export_root / "savedmodel").probabilities(squares)
    for answer, row in zip(answers, expected, strict=True):
        within = 2e-2 if kind == "litert" else 1e-4
        named = dict(zip(documents.CLASSES, row.tolist(), strict=True))
        assert shares(answer) == pytest.approx(named, abs=within)
        found = list(shares(answer).values())
        assert found == sorted(found, reverse=True)


def test_a_rotated_photo_is_answered_as_the_upright_one(capsys, export_root, tmp_path):
    upright, rotated = tmp_path / "upright.png", tmp_path / "rotated.png"
    image = Image.open(io.BytesIO(jpeg(1)))
    image.save(upright)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(rotated, exif=exif)
    first, second = predictions(capsys, export_root, upright, rotated)
    assert shares(first) == pytest.approx(shares(second), abs=1e-5)


def test_a_broken_photo_is_an_error_and_the_others_are_answered(capsys, export_root, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(jpeg(0)[:200])
    good, none = photo_at(tmp_path / "good.jpg"), tmp_path / "none.jpg"
    answers = predictions(capsys, export_root, broken, good, none)
    assert "cannot be read as an image" in answers[0]["error"]
    assert len(answers[1]["classes"]) == 2
    assert answers[2]["error"].startswith("cannot be read: No such file")
    assert "classes" not in answers[0]
    assert all("\n" not in answers[index]["error"] for index in (0, 2))


def test_a_folder_is_all_its_files_but_hidden_ones_in_order(tmp_path):
    photos = [photo_at(tmp_path / name) for name in ("a/2.jpg", "a/b/1.jpg", "c.jpg")]
    photo_at(tmp_path / ".thumbnails" / "x.jpg")
    photo_at(tmp_path / "a" / ".hidden.jpg")
    assert predict.files_of(str(tmp_path)) == [str(photo) for photo in photos]


def test_a_folder_below_a_hidden_one_may_be_named(tmp_path):
    photo = photo_at(tmp_path / ".cache" / "x.jpg")
    assert predict.files_of(str(photo.parent)) == [str(photo)]


def test_a_large_folder_is_answered_a_batch_at_a_time_in_order(capsys, export_root, tmp_path):
    for seed in range(70):
        photo_at(tmp_path / f"{seed:02}.jpg", seed)
    (tmp_path / "40.jpg").write_bytes(b"no picture")
    answers = predictions(capsys, export_root, tmp_path, top=3)
    assert [Path(a["image"]).stem for a in answers] == [f"{n:02}" for n in range(70)]
    assert [n for n, answer in enumerate(answers) if "error" in answer] == [40]
    (alone,) = predictions(capsys, export_root, tmp_path / "69.jpg", top=3)
    assert shares(answers[69]) == pytest.approx(shares(alone), abs=1e-5)


def test_an_empty_folder_is_told(capsys, export_root, tmp_path):
    (answer,) = predictions(capsys, export_root, tmp_path)
    assert "no file lies in this folder" in answer["error"]


# As `sortline predict` asks: what is piped into it reaches the process that it starts.
ASK = """
import json, pathlib, sys
from infra.ray_side import ask
print(json.dumps(ask("ray_jobs.predict", sys.argv[2:], log=pathlib.Path(sys.argv[1]))))
"""


def test_standard_input_is_one_photo(export_root, tmp_path):
    photo = photo_at(tmp_path / "photo.jpg")
    log = str(tmp_path / "predict.log")
    command = [sys.executable, "-c", ASK, log, *words(export_root, "-", photo, kind="onnx")]
    env = os.environ | {"PYTHONPATH": str(Path(predict.__file__).parents[1])}
    done = subprocess.run(command, input=photo.read_bytes(), capture_output=True, env=env)
    piped, named = json.loads(done.stdout)
    assert piped["image"] == "-"
    assert shares(piped) == pytest.approx(shares(named), abs=1e-5)
