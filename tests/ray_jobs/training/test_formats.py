"""Every format answers as the trained model does; what cannot be made is refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.export import ExportFormat
from tests.ray_jobs.training.conftest import KERAS_COPY
from tests.tasks import documents

pytestmark = [pytest.mark.tf, KERAS_COPY]

# Red, green, blue and two dark images, with noise: far enough apart to be told from each other.
NOISE = np.random.default_rng(0).integers(0, 55, (5, 48, 48, 3))
PIXELS = (np.eye(5, 3)[:, None, None] * 200 + NOISE).astype(np.float32)


def trained_of(model):
    """With a temperature at which the answers are far apart, as random weights alone are not."""
    from ray_jobs.training.export.labels import Labels
    from ray_jobs.training.export.trained import Trained

    spread = float(np.std(model(PIXELS, training=False), axis=0).max())
    return Trained(model, spread, Labels(classes=documents.CLASSES, image_px=48))


@pytest.mark.parametrize("name", ["convnet-small", "efficientnet-b0"])
def test_every_format_is_at_parity_whatever_the_batch(name, tmp_path):
    import tensorflow as tf

    from ray_jobs.training.export.formats import write_formats
    from ray_jobs.training.export.parity import Tally, shortfall
    from ray_jobs.training.export.runtime import open_model
    from ray_jobs.training.models import classifier

    tf.keras.utils.set_random_seed(0)
    trained = trained_of(classifier.build(name, image_px=48, num_classes=3))
    made = write_formats(trained, "waste", 3, tmp_path)
    assert (set(made.entries), made.refused) == (set(ExportFormat), {})
    expected = trained.probabilities(tf.constant(PIXELS)).numpy()
    assert np.ptp(expected, axis=0).max() > 0.1
    for kind, entry in made.entries.items():
        ask = open_model(kind, tmp_path / kind / entry, threads=1)
        for batch in (slice(0, 1), slice(0, 5), slice(1, 3)):
            answers = ask(PIXELS[batch])
            assert answers.dtype == np.float32
            parity = Tally().plus(expected[batch], answers).parity()
            assert shortfall(kind, parity) is None
    weights = trained.model.count_params()
    assert (tmp_path / "litert" / "model.tflite").stat().st_size < weights * 2.2 + 100_000


def test_a_format_that_cannot_be_made_is_refused_and_the_others_are_made(tmp_path):
    import keras
    import tensorflow as tf

    from ray_jobs.training.export.formats import write_formats

    class Digamma(keras.layers.Layer):
        def call(self, x):
            return tf.math.digamma(x)

    images = keras.Input((48, 48, 3))
    pooled = keras.layers.GlobalMaxPooling2D()(images)
    made = write_formats(trained_of(keras.Model(images, Digamma()(pooled))), "waste", 3, tmp_path)
    assert made.entries == {ExportFormat.SAVED_MODEL: "waste/3"}
    assert set(made.refused) == {ExportFormat.ONNX, ExportFormat.LITERT}
    assert all("Digamma" in reason for reason in made.refused.values())
