"""A record of a shard: `image/encoded`, `image/label` (int64), `image/sha256` (hex)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import tensorflow as tf

from ray_jobs.training.data.letterbox import letterbox

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/label": tf.io.FixedLenFeature([], tf.int64),
    "image/sha256": tf.io.FixedLenFeature([], tf.string),
}


def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The parts of one serialized `tf.train.Example`.

    Returns:
      The encoded image (scalar string), its label (scalar int64), its sha256 (scalar string, hex).
    """
    parts = tf.io.parse_single_example(record, _FEATURES)
    return parts["image/encoded"], parts["image/label"], parts["image/sha256"]


def decode(encoded: tf.Tensor, image_px: int) -> tf.Tensor:
    """Decode one JPEG or PNG into a square.

    Args:
      encoded: scalar string. EXIF is ignored: a record is upright already.
      image_px: side of the square.

    Returns:
      float32 [image_px, image_px, 3] in 0..255.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return letterbox(image, image_px)


def sample_ids(files: Sequence[Path]) -> list[str]:
    """The sha256 of every record of the shards, in their order."""
    records = tf.data.TFRecordDataset([str(file) for file in files])
    found = cast("Iterator[bytes]", records.map(lambda r: parse(r)[2]).as_numpy_iterator())
    return [sha.decode() for sha in found]
