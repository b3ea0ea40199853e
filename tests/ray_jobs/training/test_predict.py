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

from infra.commands import predict as command
from ray_jobs import predict
from ray_jobs.contract import keys
from ray_jobs.contract.export import Export, ExportFormat
from ray_jobs.storage import put_content
from tasks.judging import champion
from tests.fakes import InMemoryStore
from tests.infra.store_alone import StoreAlone
from tests.ray_jobs.training.conftest import KERAS_COPY, jpeg
from tests.ray_jobs.training.trained_run import PHOTOS, RECIPE
from tests.tasks import documents
from tests.tasks.clock import NOON

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
    return json.loads(capsys.readouterr().out.splitlines()[-1])["images"]


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
    assert "cannot be decoded: " in answers[0]["error"]
    assert len(answers[1]["classes"]) == 2
    assert answers[2]["error"].startswith("cannot be read: No such file")
    assert "classes" not in answers[0]
    assert all("\n" not in answers[index]["error"] for index in (0, 2))


def test_a_name_that_is_no_text_or_ends_a_line_is_answered(capsys, export_root, tmp_path):
    names = ["caf\udce9.jpg", "a\u2028b.jpg"]
    for name in names:
        photo_at(tmp_path / name)
    predict.main(words(export_root, *(tmp_path / name for name in names)))
    (line,) = capsys.readouterr().out.splitlines()
    answers = json.loads(line)["images"]
    assert [Path(answer["image"]).name for answer in answers] == names
    assert all(len(answer["classes"]) == 2 for answer in answers)


def test_an_error_without_a_text_is_told_by_its_kind(monkeypatch, capsys, export_root, tmp_path):
    def exhausted(_: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(predict, "upright", exhausted)
    (answer,) = predictions(capsys, export_root, photo_at(tmp_path / "x.jpg"))
    assert answer["error"].startswith("cannot be decoded: MemoryError; expected a whole photo")


def test_what_is_no_photo_in_a_folder_is_counted_and_not_answered(capsys, export_root, tmp_path):
    photo_at(tmp_path / "a.jpg")
    (tmp_path / "README").write_text("about them")
    predict.main(words(export_root, tmp_path, tmp_path / "README"))
    told = json.loads(capsys.readouterr().out)
    in_folder, by_hand = told["images"]
    assert told["skipped"] == 1
    assert in_folder["image"] == str(tmp_path / "a.jpg")
    assert by_hand["error"].startswith("is no picture; expected a JPEG, PNG, WEBP")


def test_a_large_folder_is_answered_a_batch_at_a_time_in_order(capsys, export_root, tmp_path):
    for seed in range(70):
        photo_at(tmp_path / f"{seed:02}.jpg", seed)
    (tmp_path / "40.jpg").write_bytes(b"no picture")
    answers = predictions(capsys, export_root, tmp_path, top=3)
    assert [Path(a["image"]).stem for a in answers] == [f"{n:02}" for n in range(70)]
    assert [n for n, answer in enumerate(answers) if "error" in answer] == [40]
    (alone,) = predictions(capsys, export_root, tmp_path / "69.jpg", top=3)
    assert shares(answers[69]) == pytest.approx(shares(alone), abs=1e-5)


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
    piped, named = json.loads(done.stdout)["images"]
    assert piped["image"] == "-"
    assert shares(piped) == pytest.approx(shares(named), abs=1e-5)


def test_the_command_answers_with_the_champion_and_writes_any_name_down(export_root, tmp_path):
    session = StoreAlone.open(tmp_path / "home")
    publish(session.objects, export_root / "onnx")
    photo = photo_at(tmp_path / "photos" / "caf\udce9.jpg")
    told = command.predict(session, name=None, images=[str(photo)], kind=ExportFormat.ONNX, top=1)
    assert told["skipped"] == 0
    (answer,) = told["images"]
    assert answer["image"] == str(tmp_path / "photos" / r"caf\xe9.jpg")
    assert shares(answer).keys() <= set(documents.CLASSES)


def publish(store: InMemoryStore, root: Path) -> None:
    """The export as that of the champion."""
    names = [path.name for path in root.iterdir()]
    files = tuple(put_content(store, f"e/{name}", (root / name).read_bytes()) for name in names)
    export = Export(format=ExportFormat.ONNX, prefix="e/", entry="model.onnx", files=files)
    documents.write_run(store)
    made = documents.exports().model_copy(update={"exports": (export,)})
    store.put(keys.run("abc", "exports.json"), made.to_json())
    first = champion.move(2, "abc", by="gate", at=NOON)
    champion.promote(store, "sample", first, judged_against=None)
