"""Random erasing: a rectangle of noise over part of an image.

Zhong et al. 2017, "Random Erasing Data Augmentation", with noise a pixel (its variant RE-R). The
paper draws area and aspect until the rectangle fits; here the aspect is drawn among those that fit,
so that no area is rarer than another. Its logarithm is uniform, as in torchvision's
`RandomErasing`: a rectangle is as likely to stand as to lie.
"""

from __future__ import annotations

import tensorflow as tf

AREA = (0.02, 0.3)  # of the image
ASPECT = (0.3, 1 / 0.3)  # height to width


def rectangle(size: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
    """Where to erase.

    Args:
      size: int32 [2], height and width of the image.
      chances: float32 [4] in [0, 1): of area, aspect, top, left.

    Returns:
      int32 [4]: top, left, height, width; inside the image, each side at least 1.
    """
    sides = tf.cast(size, tf.float32)
    height, width = tf.unstack(sides)
    area = height * width * (AREA[0] + chances[0] * (AREA[1] - AREA[0]))
    lowest = tf.math.log(tf.maximum(ASPECT[0], area / width**2))
    highest = tf.math.log(tf.minimum(ASPECT[1], height**2 / area))
    root = tf.exp((lowest + chances[1] * (highest - lowest)) / 2)
    edges = tf.round(tf.sqrt(area) * tf.stack([root, 1 / root]))
    edges = tf.clip_by_value(edges, 1.0, sides)
    corner = tf.floor(chances[2:] * (sides - edges + 1))
    return tf.cast(tf.concat([corner, edges], 0), tf.int32)


def erase(image: tf.Tensor, box: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Put noise where the box is.

    Args:
      image: uint8 [height, width, 3].
      box: int32 [4]: top, left, height, width, inside the image.
      noise: uint8 [box height * box width * 3].

    Returns:
      uint8 [height, width, 3].
    """
    top, left, height, width = tf.unstack(box)
    beside = image[top : top + height]
    patch = tf.reshape(noise, tf.stack([height, width, 3]))
    band = tf.concat([beside[:, :left], patch, beside[:, left + width :]], 1)
    return tf.concat([image[:top], band, image[top + height :]], 0)
