"""A process without our code serves the SavedModel, and cannot cheat."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract.errors import SortlineError
from ray_jobs.training.export import client
from tests.ray_jobs.training.conftest import KERAS_COPY, write_shard
from tests.ray_jobs.training.rosters import roster_of
from tests.ray_jobs.training.test_savedmodel import COLOURS, dot, looking_glass, written

pytestmark = [pytest.mark.tf, KERAS_COPY]


def test_it_answers_files_with_their_labels(tmp_path):
    from ray_jobs.training.export.clean_process import serve

    written(looking_glass(1, 1.0, COLOURS), tmp_path / "waste" / "1")
    work = tmp_path / "work"
    work.mkdir()
    files = [dot(9, 0, 0), dot(0, 0, 9)]
    served = serve(tmp_path / "waste" / "1", files, work)
    assert served.labels == ["red", "blue"]
    sure = np.exp(9) / (np.exp(9) + 2)
    np.testing.assert_allclose(served.probabilities.max(axis=1), [sure, sure], rtol=1e-6)


def test_a_model_that_needs_our_code_cannot_be_served(tmp_path):
    import tensorflow as tf

    from ray_jobs.training.export.clean_process import serve

    # Runs Python of the process that wrote it, and of no other.
    save_labelling(lambda files: tf.numpy_function(lambda x: x, [files], tf.string), tmp_path)
    with pytest.raises(SortlineError, match="a clean process cannot use the SavedModel"):
        serve(tmp_path / "model", [b"x"], tmp_path)


def test_a_model_without_a_signature_of_pixels_is_an_error(tmp_path):
    from ray_jobs.training.export.clean_process import serve

    save_labelling(lambda files: files, tmp_path)
    with pytest.raises(SortlineError, match="does not show serving_default"):
        serve(tmp_path / "model", [b"x"], tmp_path)


def save_labelling(label, folder):
    """Save a model with the signature of files alone."""
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string)

    def answer(encoded):
        return {"label": label(encoded), "probabilities": tf.zeros([tf.size(encoded), 1])}

    module.label = tf.function(answer, input_signature=[spec])
    tf.saved_model.save(module, str(folder / "model"), signatures={"encoded": module.label})


@pytest.mark.parametrize("name", client.OURS)
def test_none_of_our_packages_can_be_imported_in_it(name, tmp_path):
    forget = f"import runpy; runpy.run_path({client.__file__!r})['forget']({name!r}); import {name}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", forget], cwd=tmp_path, capture_output=True, text=True
    )
    assert f"import of {name} halted" in done.stderr


def check(trained, images, tmp_path, answers=lambda probabilities: probabilities):
    """Write a model, and check it beside itself, or beside what is made of its answers."""
    from ray_jobs.contract.export import ExportFormat
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.export.clean_process import check_served
    from ray_jobs.training.export.runtime import open_model

    written(trained, tmp_path / "model")
    shard, _ = write_shard(tmp_path, images)
    photos = Photos([shard], roster_of(images, [shard]))
    ask = open_model(ExportFormat.SAVED_MODEL, tmp_path / "model", threads=1)
    check_served(tmp_path / "model", lambda x: answers(ask(x)), trained.labels, photos)


DOTS = [(dot(9, 0, level), 0) for level in range(5)] + [(dot(0, 9, level), 1) for level in range(5)]


def test_a_clean_process_that_answers_more_than_a_batch_as_the_pixels_is_no_error(tmp_path):
    check(looking_glass(1, 1.0, COLOURS), DOTS, tmp_path)


def test_a_clean_process_that_answers_otherwise_is_an_error(tmp_path):
    with pytest.raises(SortlineError, match="answers 'red' to a photo; expected 'blue', as the"):
        check(looking_glass(1, 1.0, COLOURS), DOTS, tmp_path, lambda found: found[:, ::-1])


def test_a_graph_that_stretches_photos_is_an_error_though_the_labels_are_right(
    tmp_path, monkeypatch
):
    import keras
    import tensorflow as tf

    from ray_jobs.training.data.records import decode_rgb
    from ray_jobs.training.export import savedmodel
    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.trained import Trained

    def stretched(encoded, image_px):
        return tf.cast(tf.image.resize(decode_rgb(encoded), [image_px, image_px]), tf.float32)

    monkeypatch.setattr(savedmodel, "decode", stretched)
    images = keras.Input((2, 2, 3))
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))
    trained = Trained(model, 9.0, Labels(classes=COLOURS, image_px=2))
    # Half of the square is white: red is 4.5 above the others there, and 9 where it is stretched.
    apart = np.exp(1) / (np.exp(1) + 2) - np.exp(0.5) / (np.exp(0.5) + 2)
    with pytest.raises(
        SortlineError, match=f"a photo otherwise by {apart:.2g}; expected at most 0.0001"
    ):
        check(trained, [(wide(9, 0, 0), 0)], tmp_path)


def wide(red: int, green: int, blue: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (2, 1), (red, green, blue)).save(stream, "PNG")
    return stream.getvalue()
