"""Any image into a square: the longest side fits, white fills the rest."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

WHITE = 255.0


def letterbox(image: tf.Tensor | NDArray[np.uint8], image_px: int) -> tf.Tensor:
    """Resize so that the longest side fits, and pad on white, the image in the middle.

    Args:
      image: uint8 or float32 [height, width, 3] in 0..255.
      image_px: side of the square.

    Returns:
      float32 [image_px, image_px, 3] in 0..255. Smaller images are enlarged. The resize averages
      (antialias): without it a shrunk photo loses about 0.01 of accuracy on TrashNet.
    """
    sides = tf.cast(tf.shape(image)[:2], tf.float32)
    fitted = tf.cast(tf.round(sides * (image_px / tf.reduce_max(sides))), tf.int32)
    fitted = tf.clip_by_value(fitted, 1, image_px)
    resized = tf.image.resize(image, fitted, antialias=True)
    before = (image_px - fitted) // 2
    after = image_px - fitted - before
    paddings = tf.pad(tf.stack([before, after], axis=1), [[0, 1], [0, 0]])  # none on channels
    square = tf.pad(tf.clip_by_value(resized, 0.0, 255.0), paddings, constant_values=WHITE)
    return tf.ensure_shape(square, (image_px, image_px, 3))
