"""One step of training and one of evaluation, the same on every worker.

`keras.Model.fit` does not work under `MultiWorkerMirroredStrategy` with Keras 3
(keras-team/keras#20585): this is what stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import keras
import tensorflow as tf

from ray_jobs.training.data.mixup import mix, mix_images

Batch = tuple[tf.Tensor, ...]


class Sums(NamedTuple):
    """Over all workers: loss and correct answers summed over images, and the images."""

    loss: float
    correct: float
    images: float

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


Step = Callable[[Batch], tf.Tensor]


def as_sums(answer: tf.Tensor) -> Sums:
    """What a step answered, as numbers."""
    return Sums(*(float(value) for value in answer.numpy()))


def cross_entropy(targets: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Softmax cross-entropy an image, float32 [N].

    Label smoothing: Szegedy et al. 2016, section 7.

    Args:
      targets: float32 [N, classes], the share of each class: one, or two that are mixed.
      logits: float32 [N, classes].
      smoothing: the share that is spread over all classes alike.
    """
    losses = keras.losses.categorical_crossentropy(
        targets, logits, from_logits=True, label_smoothing=smoothing
    )
    return cast("tf.Tensor", losses)


def make_train_step(
    strategy: tf.distribute.Strategy,
    net: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    smoothing: float,
    clipnorm: float | None = None,
    mixup: bool = False,
) -> Step:
    """A compiled step: (x, labels, shares, weights) of this worker -> global sums, float32 [3].

    `x` may be uint8; it is mixed here, as float32, on the device that trains. An answer is correct
    that names the image with the larger share.

    The gradient is that of the weighted mean over the *global* batch: Keras sums gradients over
    workers, so each divides by the sum of all weights. `clipnorm` bounds the norm of that sum, not
    of a worker's own part, as Keras's `global_clipnorm` would.
    """
    variables = [variable.value for variable in net.trainable_variables]

    classes = net.output_shape[-1]

    def on_replica(
        x: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        targets = tf.one_hot(labels, classes)
        if mixup:
            x, targets = mix_images(x, shares), mix(targets, shares)
        x = tf.cast(x, tf.float32)
        with tf.GradientTape() as tape:
            logits = net(x, training=True)
            loss = tf.reduce_sum(cross_entropy(targets, logits, smoothing) * weights)
        sums = _all_sums(loss, logits, labels, weights)
        whole = cast("list[tf.Tensor]", tape.gradient(loss, variables))
        gradients = [part / sums[2] for part in whole]
        if clipnorm is not None:
            summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            clipped, _ = tf.clip_by_global_norm(summed, clipnorm)
            gradients = [part / strategy.num_replicas_in_sync for part in clipped]
        optimizer.apply(gradients, net.trainable_variables)
        return sums

    return _compiled(strategy, on_replica)


def make_evaluation_step(
    strategy: tf.distribute.Strategy, net: keras.Model, *, smoothing: float
) -> Step:
    """A compiled step: (x, labels, weights) of this worker -> global sums, float32 [3]."""

    def on_replica(x: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        logits = net(x, training=False)
        targets = tf.one_hot(labels, logits.shape[-1])
        loss = tf.reduce_sum(cross_entropy(targets, logits, smoothing) * weights)
        return _all_sums(loss, logits, labels, weights)

    return _compiled(strategy, on_replica)


def make_averaging(strategy: tf.distribute.Strategy, net: keras.Model) -> Callable[[], None]:
    """Makes BatchNorm's moving statistics the mean over workers.

    Each worker's own follow its own images; without this, who saves would decide the model.
    """
    moving = [v for v in net.non_trainable_weights if v.dtype == "float32"]

    def on_replica() -> None:
        context = tf.distribute.get_replica_context()
        # The identity places each on this worker's device: a bare read is on none.
        own = [tf.identity(variable.value) for variable in moving]
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, own)
        for variable, mean in zip(moving, means, strict=True):
            variable.assign(mean)

    average = tf.function(lambda: strategy.run(on_replica))
    return average if moving else lambda: None


def _all_sums(
    loss: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    hits = tf.cast(tf.equal(tf.argmax(logits, axis=-1), labels), tf.float32)
    own = tf.stack([loss, tf.reduce_sum(hits * weights), tf.reduce_sum(weights)])
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, own)


def _compiled(strategy: tf.distribute.Strategy, on_replica: Callable[..., tf.Tensor]) -> Step:
    def step(batch: Batch) -> tf.Tensor:
        # The sums are the same on every replica: any local one will do.
        return strategy.experimental_local_results(strategy.run(on_replica, args=batch))[0]

    return tf.function(step)
