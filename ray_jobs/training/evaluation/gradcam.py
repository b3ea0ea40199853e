"""Where a network looked: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3)."""

from __future__ import annotations

from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def heat_maps(model: keras.Model, images: Floats, answers: NDArray[np.int64]) -> Floats:
    """How much each place of the last feature maps speaks for an answer.

    The maps are weighted by the mean gradient of the answer's logit, summed, and what speaks
    against it is cut off (equations 1 and 2).

    Args:
      model: float32 [N, px, px, 3] in 0..255 -> logits float32 [N, classes].
      images: float32 [N, px, px, 3] in 0..255.
      answers: int64 [N], the class that each map is for.

    Returns:
      float32 [N, height, width] of the feature maps; the hottest place of an image is 1, and where
      nothing speaks for the answer all are 0.
    """
    looking = keras.Model(model.input, [_last_maps(model), model.output])
    with tf.GradientTape() as tape:
        x = tf.convert_to_tensor(images)
        tape.watch(x)  # without it, a tape sees nothing of a network that is frozen
        maps, logits = cast("list[tf.Tensor]", looking(x, training=False))
        chosen = tf.gather(logits, answers, axis=1, batch_dims=1)
    gradients = cast("tf.Tensor", tape.gradient(chosen, maps))
    weights = tf.reduce_mean(gradients, axis=[1, 2], keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))
    hottest = tf.reduce_max(heat, axis=[1, 2], keepdims=True)
    return tf.math.divide_no_nan(heat, hottest).numpy()


def _last_maps(model: keras.Model) -> keras.KerasTensor:
    """The output of the last layer that still knows places: [N, height, width, channels]."""
    outputs = [cast("Any", layer).output for layer in reversed(model.layers)]
    return next(output for output in outputs if len(output.shape) == 4)
