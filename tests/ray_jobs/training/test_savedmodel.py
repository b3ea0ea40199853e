"""A SavedModel sees of a file what training sees of it, and says the labels."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.ray_jobs.training.conftest import KERAS_COPY, write_shard
from tests.ray_jobs.training.rosters import roster_of
from tests.ray_jobs.training.trained_run import PHOTOS
from tests.tasks import documents

pytestmark = [pytest.mark.tf, KERAS_COPY]

COLOURS = ("red", "green", "blue")


def looking_glass(image_px: int, temperature: float, classes: tuple[str, ...]):
    """A model whose logits are the values that it sees."""
    import keras

    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.trained import Trained

    images = keras.Input((image_px, image_px, 3))
    model = keras.Model(images, keras.layers.Flatten()(images))
    return Trained(model, temperature, Labels(classes=classes, image_px=image_px))


def written(trained, folder):
    import tensorflow as tf

    from ray_jobs.training.export.savedmodel import write_savedmodel

    write_savedmodel(trained, folder)
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """One pixel, its channels are the classes; at temperature 2."""
    return written(looking_glass(1, 2.0, COLOURS), tmp_path_factory.mktemp("colours") / "a" / "1")


def dot(red: int, green: int, blue: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (1, 1), (red, green, blue)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("image_px", [16, 48])
def test_the_graph_sees_a_file_pixel_for_pixel_as_training_does(image_px, tmp_path):
    import tensorflow as tf

    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.data.pipeline import image_examples

    classes = tuple(str(number) for number in range(image_px**2 * 3))
    signatures = written(looking_glass(image_px, 64.0, classes), tmp_path / "model")
    shard, _ = write_shard(tmp_path, PHOTOS)
    photos = Photos([shard], roster_of(PHOTOS, [shard]))
    pixels = np.stack([x.numpy() for x, _, _ in image_examples(photos, image_px)])
    files = tf.constant([file for file, _ in PHOTOS])
    seen = signatures["encoded"](encoded=files)["probabilities"].numpy()
    # Each probability is e to a pixel's value / 64: one level more is 1.6% more.
    powers = np.exp(pixels.reshape(len(PHOTOS), -1).astype(np.float64) / 64)
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(seen, expected, rtol=1e-4)
    assert np.ptp(pixels, axis=(1, 2, 3)).min() > 0


def test_the_temperature_is_inside(colours):
    import tensorflow as tf

    pixel = tf.constant([[[[0.0, 2 * np.log(3), 0.0]]]], tf.float32)
    answer = colours["serving_default"](images=pixel)["probabilities"]
    np.testing.assert_allclose(answer, [[0.2, 0.6, 0.2]], rtol=1e-6)


def test_a_file_is_answered_with_its_label_and_every_output_has_a_row_a_file(colours):
    import tensorflow as tf

    answer = colours["encoded"](encoded=tf.constant([dot(0, 9, 0), dot(0, 0, 9)]))
    assert answer["label"].numpy().tolist() == [b"green", b"blue"]
    assert answer["classes"].numpy().tolist() == [[b"red", b"green", b"blue"]] * 2
    assert answer["probabilities"].shape == (2, 3)


def test_no_weight_is_written_twice(tmp_path):
    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.savedmodel import write_savedmodel
    from ray_jobs.training.export.trained import Trained
    from ray_jobs.training.models import classifier

    model = classifier.build("convnet-small", image_px=48, num_classes=3)
    labels = Labels(classes=documents.CLASSES, image_px=48)
    write_savedmodel(Trained(model, 1.0, labels), tmp_path / "model")
    (held,) = (tmp_path / "model" / "variables").glob("variables.data-*")
    assert held.stat().st_size == pytest.approx(model.count_params() * 4, rel=0.01)


def test_labels_and_preprocessing_lie_beside_the_model(tmp_path):
    from ray_jobs.training.export.labels import Labels, read_labels, write_beside

    labels = Labels(classes=("瓶", "can"), image_px=224)
    write_beside(tmp_path, labels)
    assert read_labels(tmp_path) == labels
    told = json.loads((tmp_path / "preprocessing.json").read_bytes())
    assert told["image_px"] == 224
    assert any("white (255, 255, 255)" in step for step in told["steps"])
