"""A probe: a few images, and what the trained model says of them; an export must say the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import image_examples


class Probe(NamedTuple):
    """`images` float32 [N, px, px, 3] in 0..255, `probabilities` float32 [N, classes]."""

    images: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def make_probe(model: Callable[..., Any], photos: Photos, image_px: int, *, images: int) -> Probe:
    """Ask the trained model about the first of some photos.

    Args:
      model: float32 [N, image_px, image_px, 3] in 0..255 -> logits float32 [N, classes].
      photos: of any split.
      image_px: side of the square input.
      images: how many at most.
    """
    batch = next(iter(image_examples(photos, image_px).batch(images)))[0]
    answers = tf.nn.softmax(model(batch, training=False))
    return Probe(batch.numpy(), answers.numpy())


def to_bytes(probe: Probe) -> bytes:
    """The probe as an npz; no pickle."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, images=probe.images, probabilities=probe.probabilities)
    return buffer.getvalue()


def from_bytes(data: bytes) -> Probe:
    """What `to_bytes` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return Probe(arrays["images"], arrays["probabilities"])
