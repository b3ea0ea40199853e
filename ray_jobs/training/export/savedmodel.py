"""A classifier as a SavedModel: pixels or files in, probabilities and labels out.

Nothing of ours is needed to run it; TensorFlow Serving takes it as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import tensorflow as tf

from ray_jobs.training.data.records import decode
from ray_jobs.training.export.signatures import FILES, PIXELS
from ray_jobs.training.export.trained import Trained


def write_savedmodel(trained: Trained, folder: Path) -> None:
    """Write the model with two signatures.

    `serving_default` maps `images`, float32 [N, image_px, image_px, 3] in 0..255, to
    `probabilities`, float32 [N, classes]. `encoded` maps `encoded`, string [N], upright JPEG or PNG
    files, to `probabilities`, `classes`, string [N, classes], and `label`, string [N]: every output
    has the batch in front, as the rows of TensorFlow Serving's REST interface want it.

    Keras's own `ExportArchive` writes every weight twice (keras 3.15.1: a variable and what it
    wraps); a plain module of the wrapped variables does not.

    Args:
      trained: the model and its labels.
      folder: made new.
    """
    image_px, classes = trained.labels.image_px, trained.labels.classes
    square = tf.TensorSpec([image_px, image_px, 3], tf.float32)
    batch = tf.TensorSpec([None, *square.shape], tf.float32, name="images")
    files = tf.TensorSpec([None], tf.string, name="encoded")

    def of_pixels(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": trained.probabilities(images)}

    def of_files(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(lambda one: decode(one, image_px), encoded, fn_output_signature=square)
        return named(module.of_pixels(images)["probabilities"], classes)

    module = cast("Any", tf.Module())
    module.weights = [variable.value for variable in trained.model.variables]
    module.of_pixels = tf.function(of_pixels, input_signature=[batch])
    module.of_files = tf.function(of_files, input_signature=[files])
    signatures = {PIXELS: module.of_pixels, FILES: module.of_files}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def named(probabilities: tf.Tensor, classes: tuple[str, ...]) -> dict[str, tf.Tensor]:
    """Probabilities, float32 [N, classes], with the names of their columns and of the likeliest."""
    names = tf.constant(classes)
    return {
        "label": tf.gather(names, tf.argmax(probabilities, axis=-1)),
        "probabilities": probabilities,
        "classes": tf.broadcast_to(names, tf.shape(probabilities)),
    }
