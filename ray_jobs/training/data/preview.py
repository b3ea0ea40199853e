"""What a training sees, to be looked at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.recipe import Recipe
from ray_jobs.training.data.mixup import mix_images
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import shuffled_image_examples
from ray_jobs.training.data.records import samples_of


def preview_batch(photos: Photos, recipe: Recipe, *, seed: int, images: int) -> NDArray[np.uint8]:
    """The first images of the first epoch, as the network would see them.

    Args:
      photos: of any split.
      recipe: its `image_px`, `augment` and `balanced` count.
      seed: of the training.
      images: how many at most; mixed with each other.

    Returns:
      uint8 [N, image_px, image_px, 3].
    """
    _, labels = samples_of(photos)
    examples = shuffled_image_examples(
        photos,
        recipe.image_px,
        recipe.augment,
        seed=seed,
        balance=labels if recipe.balanced else None,
    )
    epoch = examples(0, 0).take(len(labels))
    x, _, shares, _ = next(iter(epoch.batch(images)))
    if recipe.augment.mixup > 0:
        x = tf.cast(tf.round(mix_images(x, shares)), tf.uint8)
    return x.numpy()
