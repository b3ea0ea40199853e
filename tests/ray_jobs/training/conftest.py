"""What the TensorFlow tier shares: two replicas in one process, and shards of synthetic images."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.storage import Store

# Keras 3.15 saves weights through an `__array__` without `copy`; drop with the Keras that has it.
KERAS_COPY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def jpeg(seed: int, width: int = 40, height: int = 30) -> bytes:
    """A photo-like image: a colour of its own, with noise on it."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 200, 3) + rng.integers(0, 50, (height, width, 3))
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def write_shard(folder: Path, images: Sequence[tuple[bytes, int]]) -> tuple[Path, ShardRef]:
    """A shard of (image, label) pairs, written by TensorFlow's own writer."""
    import tensorflow as tf

    def feature(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    partial = folder / "partial"
    with tf.io.TFRecordWriter(str(partial)) as writer:
        for encoded, _ in images:
            sha = hashlib.sha256(encoded).hexdigest().encode()
            parts = {"image/encoded": feature(encoded), "image/sha256": feature(sha)}
            example = tf.train.Example(features=tf.train.Features(feature=parts))
            writer.write(example.SerializeToString())
    data = partial.read_bytes()
    sha = hashlib.sha256(data).hexdigest()
    path = partial.rename(folder / f"{sha}.tfrecord")
    key = f"shards/train/{sha}.tfrecord"
    return path, ShardRef(
        key=key, sha256=sha, size_bytes=len(data), records=len(images), stored=len(images)
    )


def store_shard(store: Store, folder: Path, images: Sequence[tuple[bytes, int]]) -> ShardRef:
    """The same, in an object store."""
    path, ref = write_shard(folder, images)
    store.put_once(ref.key, path.read_bytes())
    return ref


@pytest.fixture(scope="session")
def two_replicas():
    """Two replicas in this process: what they do together, two workers do."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
