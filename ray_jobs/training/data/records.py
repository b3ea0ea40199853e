"""A record of a shard: `image/encoded` and `image/sha256` (hex); its label is the roster's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.training.data.letterbox import letterbox
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.roster import Roster

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/sha256": tf.io.FixedLenFeature([], tf.string),
}
_SET_ASIDE = -1


def records(photos: Photos) -> tf.data.Dataset:
    """Every record that counts, in the order of the shards.

    Returns:
      Its sha256 (scalar string, hex), the encoded image (scalar string), its label (scalar int64).
    """
    labels = _table(photos.roster)

    def read(shard: tf.Tensor) -> tf.data.Dataset:
        name = tf.strings.split(shard, "/")[-1]

        def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            parts = tf.io.parse_single_example(record, _FEATURES)
            sha256 = parts["image/sha256"]
            return sha256, parts["image/encoded"], labels.lookup(name + "/" + sha256)

        return tf.data.TFRecordDataset(shard).map(parse)

    def counts(*record: object) -> tf.Tensor:
        return tf.not_equal(cast("tf.Tensor", record[-1]), _SET_ASIDE)

    files = tf.constant([str(file) for file in photos.files], tf.string)
    return tf.data.Dataset.from_tensor_slices(files).flat_map(read).filter(counts)


def decode_rgb(encoded: tf.Tensor) -> tf.Tensor:
    """Decode one JPEG or PNG.

    Args:
      encoded: scalar string. EXIF is ignored: a record is upright already.

    Returns:
      uint8 [height, width, 3].
    """
    return tf.io.decode_image(encoded, channels=3, expand_animations=False)


def decode(encoded: tf.Tensor, image_px: int) -> tf.Tensor:
    """Decode one JPEG or PNG into a square.

    Args:
      encoded: scalar string. EXIF is ignored: a record is upright already.
      image_px: side of the square.

    Returns:
      float32 [image_px, image_px, 3], whole numbers in 0..255.
    """
    return letterbox(decode_rgb(encoded), image_px)


def samples_of(photos: Photos) -> tuple[list[str], NDArray[np.int64]]:
    """The sha256 (hex) and the labels (int64 [N]) of all that count, in the order of the shards."""
    pairs = records(photos).map(lambda sha256, encoded, label: (sha256, label))
    found = list(cast("Iterator[tuple[bytes, np.int64]]", pairs.as_numpy_iterator()))
    return [sha.decode() for sha, _ in found], np.array([label for _, label in found], np.int64)


def _table(roster: Roster) -> tf.lookup.StaticHashTable:
    # TensorFlow refuses a table of nothing; no image has the empty hash.
    keys = tf.constant(["", *roster], tf.string)
    values = tf.constant([_SET_ASIDE, *roster.values()], tf.int64)
    start = tf.lookup.KeyValueTensorInitializer(keys, values)
    # Anonymous: it lives as long as a data set that asks it, not as this Python object.
    return tf.lookup.StaticHashTable(start, _SET_ASIDE, experimental_is_anonymous=True)
