"""Chance without state: what is drawn depends on (seed, epoch, image), on nothing else.

Not on the step, the worker or what was drawn before: a training that goes on from a checkpoint, or
with another number of workers, sees each image of an epoch as an undisturbed one would. Where an
image appears several times in an epoch (see `balance`), the number of its turn counts too.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import tensorflow as tf

_PHILOX = 1  # the algorithm's number in TensorFlow


class Purpose(IntEnum):
    """What is drawn: each has a stream of its own."""

    ORDER = 0
    CHANCES = 1
    NOISE = 2
    MIXUP = 3
    BALANCE = 4


def key_of(seed: int, epoch: int, purpose: Purpose) -> int:
    """The key of a stream, in 0..2**63-1.

    numpy's SeedSequence: its hash is documented to stay as it is, and to keep apart what differs in
    any place. A sum would give epoch 1 of seed 0 the chances of epoch 0 of seed 1.
    """
    words = np.random.SeedSequence([seed, epoch, purpose]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def counter_of(sha256: tf.Tensor, turn: tf.Tensor | int = 0) -> tf.Tensor:
    """Where an image's part of a stream begins: 16 of its sha256's 64 hex digits, and its turn.

    Drawing counts the first word up, a turn the second: no turn comes near another.

    Args:
      sha256: scalar string, hex.
      turn: scalar int64, how often the image appeared in this epoch before.

    Returns:
      uint64 [2].
    """
    words = tf.io.decode_raw(sha256, tf.int64, fixed_length=64)
    return tf.bitcast(tf.stack([words[0], words[1] + turn]), tf.uint64)


def uniform(count: int, key: int, counter: tf.Tensor) -> tf.Tensor:
    """Numbers of a stream: float32 [count] in [0, 1).

    The raw operation: `tf.random.stateless_uniform` would hash the seed once more, for each image.
    """
    return tf.raw_ops.StatelessRandomUniformV2(
        shape=[count], key=_key(key), counter=counter, alg=_PHILOX
    )


def random_bytes(count: tf.Tensor, key: int, counter: tf.Tensor) -> tf.Tensor:
    """Bytes of a stream: uint8 [count] in 0..255, four from each 32 bits drawn."""
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[(count + 3) // 4], key=_key(key), counter=counter, alg=_PHILOX, dtype=tf.int32
    )
    return tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count]


def gamma(count: int, alpha: float, key: int, counter: tf.Tensor) -> tf.Tensor:
    """Gamma(alpha, 1) numbers of a stream: float64 [count]."""
    return tf.raw_ops.StatelessRandomGammaV3(
        shape=[count],
        key=_key(key),
        counter=counter,
        alg=_PHILOX,
        alpha=tf.constant(alpha, tf.float64),
    )


def _key(key: int) -> tf.Tensor:
    return tf.constant([key], tf.uint64)
