"""What a trained network says of the whole validation split, on every worker alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.training.data import pipeline
from ray_jobs.training.step import Batch
from ray_jobs.training.subject import Subject

LogitsStep = Callable[[Batch], tf.Tensor]


class Logits(NamedTuple):
    """`logits` float64 [N, classes] and `labels` int64 [N], each image once."""

    logits: NDArray[np.float64]
    labels: NDArray[np.int64]


def validation_logits(
    strategy: tf.distribute.Strategy,
    subject: Subject,
    largest_batch: int,
    told: Callable[[], None],
) -> Logits:
    """Ask the network of a subject, as it is now; every rank must, and each has all answers.

    Args:
      strategy: of the training.
      subject: what trained last.
      largest_batch: images a step, of the rank that has most.
      told: is called after each step.
    """
    step = make_logits_step(strategy, subject.net, largest_batch=largest_batch)
    answers: list[NDArray[np.float32]] = []
    for x, labels, _, weights in pipeline.evaluation_batches(subject.val, subject.val_share):
        answers.append(step((x, labels, weights)).numpy())
        told()
    return as_logits(np.concatenate(answers))


def as_logits(rows: NDArray[np.float32]) -> Logits:
    """What steps answered, without the places that only fill up."""
    logits, labels, weights = np.split(rows, [-2, -1], axis=1)
    counts = weights[:, 0] > 0
    return Logits(logits[counts].astype(np.float64), labels[counts, 0].astype(np.int64))


def make_logits_step(
    strategy: tf.distribute.Strategy, net: keras.Model, *, largest_batch: int
) -> LogitsStep:
    """A compiled step: (x, labels, weights) of this worker -> the rows of all of them.

    A row is the logits, the label and the weight of an image: float32 [rows, classes + 2]; one that
    only fills up has weight 0. They are brought together by a sum, to which each replica gives
    zeros but for its own rows: of one fixed shape, though a rank may have fewer images than
    another.

    Args:
      strategy: of the training.
      net: is asked as it is when the step is called.
      largest_batch: images a step, of the replica that has most.
    """
    replicas = strategy.num_replicas_in_sync

    def on_replica(x: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        logits = tf.cast(net(x, training=False), tf.float32)
        beside = tf.stack([tf.cast(labels, tf.float32), weights], axis=1)
        rows = tf.concat([logits, beside], axis=1)
        rows = tf.pad(rows, [[0, largest_batch - cast("int", rows.shape[0])], [0, 0]])
        own = tf.one_hot(context.replica_id_in_sync_group, replicas)
        spread = own[:, tf.newaxis, tf.newaxis] * rows
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, spread)
        return tf.reshape(whole, [replicas * largest_batch, rows.shape[1]])

    def step(own: Batch) -> tf.Tensor:
        answers = strategy.run(on_replica, args=own)
        return strategy.experimental_local_results(answers)[0]

    return tf.function(step)
