"""A classifier as a SavedModel: pixels in, probabilities out, nothing of ours needed to run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import keras
import tensorflow as tf


def write_savedmodel(model: keras.Model, image_px: int, folder: Path) -> None:
    """Write the model with one signature, `serving_default`.

    Keras's own `ExportArchive` writes every weight twice (keras 3.15.1: a variable and what it
    wraps); a plain module of the wrapped variables does not.

    Args:
      model: float32 [N, image_px, image_px, 3] in 0..255 -> logits float32 [N, classes].
      image_px: side of the square input.
      folder: made new. The signature maps `images` float32 [N, image_px, image_px, 3] in 0..255
        to `probabilities` float32 [N, classes].
    """
    images = tf.TensorSpec([None, image_px, image_px, 3], tf.float32, name="images")

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(model(images, training=False))}

    module = cast("Any", tf.Module())
    module.weights = [variable.value for variable in model.variables]
    module.serve = tf.function(serve, input_signature=[images])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
