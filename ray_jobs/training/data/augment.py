"""How an image is changed by chance before it is trained on: fitted, erased, flipped, shifted.

Everything stays uint8, and nothing is drawn here but from the chances that are given: see `seeds`.
"""

from __future__ import annotations

import tensorflow as tf

from ray_jobs.contract.recipe import Augment
from ray_jobs.training.data import seeds
from ray_jobs.training.data.erase import erase, rectangle
from ray_jobs.training.data.letterbox import fit, place
from ray_jobs.training.data.seeds import Purpose

# Whether to erase; the rectangle's area, aspect, top, left; down, right; the two flips.
_CHANCES = 9


def augmented(
    image: tf.Tensor, counter: tf.Tensor, image_px: int, augment: Augment, keys: dict[Purpose, int]
) -> tf.Tensor:
    """One image, as its epoch shows it.

    Args:
      image: uint8 [height, width, 3].
      counter: uint64 [2], where its part of each stream begins.
      image_px: side of the square.
      augment: what is done, and how often.
      keys: those of the epoch.

    Returns:
      uint8 [image_px, image_px, 3].
    """
    chances = seeds.uniform(_CHANCES, keys[Purpose.CHANCES], counter)
    fitted = fit(image, image_px)
    size = tf.shape(fitted)[:2]

    def erased() -> tf.Tensor:
        box = rectangle(size, chances[1:5])
        noise = seeds.random_bytes(box[2] * box[3] * 3, keys[Purpose.NOISE], counter)
        return erase(fitted, box, noise)

    if augment.erase > 0:
        fitted = tf.cond(chances[0] < augment.erase, erased, lambda: fitted)
    if augment.flips:
        fitted = flip(fitted, chances[7:] < 0.5)
    moved = shift_of(size, augment.shift, chances[5:7]) if augment.shift > 0 else None
    return place(fitted, image_px, moved)


def shift_of(size: tf.Tensor, most: float, chances: tf.Tensor) -> tf.Tensor:
    """How far an image slides, in whole pixels, either way with equal chance.

    Args:
      size: int32 [2], height and width.
      most: of the side.
      chances: float32 [2] in [0, 1): down and right.

    Returns:
      int32 [2]: pixels down and right, negative for up and left.
    """
    return tf.cast(tf.round((2 * chances - 1) * most * tf.cast(size, tf.float32)), tf.int32)


def flip(image: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
    """Mirror an image.

    Args:
      image: uint8 [height, width, 3].
      sides: bool [2]: upside down, left for right.

    Returns:
      uint8 [height, width, 3].
    """
    # Taking the rows from the last on copies whole rows: a third of the time of `reverse`.
    backwards = tf.range(tf.shape(image)[0] - 1, -1, -1)
    image = tf.cond(sides[0], lambda: tf.gather(image, backwards), lambda: image)
    return tf.cond(sides[1], lambda: tf.reverse(image, [1]), lambda: image)
