"""From shards on disk to batches: every image once an epoch, the same steps on every rank.

Where the classes are balanced, an image appears as often as `balance` says instead.

An example is `(x, label, row)`: `x` an image or the features of one, `row` its place in the
worker's share. One to train on is `(x, label, share, row)`: `share` is how much of a mixture it is
(see `mixup`), 1 where nothing is mixed. A batch has all that many times over, and last `weights`; a
weight of 0 marks a place that only fills up the last steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.recipe import Augment
from ray_jobs.training.data import seeds
from ray_jobs.training.data.augment import augmented
from ray_jobs.training.data.balance import appearances
from ray_jobs.training.data.mixup import share_of_leader
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import decode, decode_rgb, records
from ray_jobs.training.data.seeds import Purpose
from ray_jobs.training.data.share import Share

# Encoded records, about 20 kB each: 80 MB a worker.
_SHUFFLED = 4096

Examples = Callable[[int, int], tf.data.Dataset]
"""An epoch, from 0, and how many of its examples to skip -> what follows them, without end.

After the last of the epoch come the same ones again. What is skipped is read, but not decoded.
"""

_Record = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
_Example = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


def image_examples(photos: Photos, image_px: int) -> tf.data.Dataset:
    """Examples with x float32 [image_px, image_px, 3] in 0..255, in the order of the shards."""

    def to_example(row: tf.Tensor, record: _Record) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        _, encoded, label = record
        return decode(encoded, image_px), label, row

    return records(photos).enumerate().map(to_example, num_parallel_calls=tf.data.AUTOTUNE)


def shuffled_image_examples(
    photos: Photos,
    image_px: int,
    augment: Augment,
    *,
    seed: int,
    balance: NDArray[np.int64] | None = None,
) -> Examples:
    """For an epoch, the image examples in its own order, each changed in its own way.

    Here x is uint8 [image_px, image_px, 3]: a quarter of what goes to the training device as float.

    Args:
      photos: of this worker.
      image_px: side of the square.
      augment: what is done to an image.
      seed: of the training.
      balance: int64 [N], the labels by row, where the classes are to appear equally often.
    """

    def of_epoch(epoch: int, skipped: int) -> tf.data.Dataset:
        keys = {purpose: seeds.key_of(seed, epoch, purpose) for purpose in Purpose}

        def to_example(row: tf.Tensor, record: _Record, turn: tf.Tensor | int = 0) -> _Example:
            sha256, encoded, label = record
            counter = seeds.counter_of(sha256, turn)
            image = augmented(decode_rgb(encoded), counter, image_px, augment, keys)
            share = tf.constant(1.0)
            if augment.mixup > 0:
                share = share_of_leader(augment.mixup, keys[Purpose.MIXUP], counter)
            return image, label, share, row

        mixed = _mixed(records(photos).enumerate(), balance, keys)
        # Repeated before anything is skipped: each time has an order of its own.
        rest = mixed.repeat().skip(skipped)
        return rest.map(to_example, num_parallel_calls=tf.data.AUTOTUNE)

    return of_epoch


def _mixed(
    rows: tf.data.Dataset, balance: NDArray[np.int64] | None, keys: dict[Purpose, int]
) -> tf.data.Dataset:
    """The (row, record) of an epoch in its order; where it is balanced, (row, record, turn)."""
    if balance is None:
        return rows.shuffle(_SHUFFLED, seed=keys[Purpose.ORDER])
    often = appearances(balance, keys[Purpose.BALANCE])

    def turns(*one: object) -> tf.data.Dataset:
        # Mapped, not repeated: `repeat` of the one record takes ten times as long.
        times = tf.gather(often, cast("tf.Tensor", one[0]))
        return tf.data.Dataset.range(times).map(lambda turn: (*one, turn))

    # The turns of a record lie side by side, but share its bytes: about as much memory has room
    # for as many records in all their turns, and spreads them that much further.
    room = _SHUFFLED * len(often) // max(1, np.count_nonzero(often))
    return rows.flat_map(turns).shuffle(room, seed=keys[Purpose.ORDER])


def shuffled_feature_examples(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    seed: int,
    balanced: bool = False,
) -> Examples:
    """For an epoch, the feature examples in its own order; x is float32 [features]."""
    rows = np.arange(len(labels), dtype=np.int64)

    def of_epoch(epoch: int, skipped: int) -> tf.data.Dataset:
        key = seeds.key_of(seed, epoch, Purpose.BALANCE)
        shown = np.repeat(rows, appearances(labels, key)) if balanced else rows
        order = np.random.default_rng([seed, epoch]).permutation(shown)
        whole = np.ones(len(labels), np.float32)
        slices = (features[order], labels[order], whole, order)
        return tf.data.Dataset.from_tensor_slices(slices).repeat().skip(skipped)

    return of_epoch


def feature_examples(features: NDArray[np.float32], labels: NDArray[np.int64]) -> tf.data.Dataset:
    """The feature examples in their own order."""
    rows = np.arange(len(labels), dtype=np.int64)
    return tf.data.Dataset.from_tensor_slices((features, labels, rows))


def training_batches(
    examples: Examples, epoch: int, share: Share, done: int = 0
) -> tf.data.Dataset:
    """The batches of an epoch that follow the first `done`, each as if none had been left out.

    A filling place repeats an image, so that BatchNorm sees nothing strange.
    """
    return _batched(_weighted(examples(epoch, done * share.batch), share, done), share)


def evaluation_batches(examples: tf.data.Dataset, share: Share) -> tf.data.Dataset:
    """One pass; a filling place is zeros, so that a rank without any image works too."""
    spec = cast("tuple[tf.TensorSpec, ...]", examples.element_spec)
    zeros = tuple(tf.zeros(part.shape, part.dtype) for part in spec)
    fill = tf.data.Dataset.from_tensors(zeros).repeat()
    return _batched(_weighted(examples.concatenate(fill), share), share)


def _weighted(endless: tf.data.Dataset, share: Share, done: int = 0) -> tf.data.Dataset:
    def weigh(place: tf.Tensor, example: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        return (*example, tf.cast(place < share.records, tf.float32))

    places = (share.steps - done) * share.batch
    return endless.take(places).enumerate(done * share.batch).map(weigh)


def _batched(examples: tf.data.Dataset, share: Share) -> tf.data.Dataset:
    return examples.batch(share.batch, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
