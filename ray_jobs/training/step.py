"""One step of training and one of evaluation, the same on every worker.

`keras.Model.fit` does not work under `MultiWorkerMirroredStrategy` with Keras 3
(keras-team/keras#20585): this is what stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import keras
import tensorflow as tf

from ray_jobs.training.data.mixup import mix, mix_images

Batch = tuple[tf.Tensor, ...]
Tensors = list[tf.Tensor]


class Rules(NamedTuple):
    """What a recipe says of a step; see `make_train_step`."""

    smoothing: float = 0.0
    clipnorm: float | None = None
    mixup: bool = False
    accumulate: int = 1


TrainStep = Callable[[Batch, tf.Tensor], tf.Tensor]
EvaluationStep = Callable[[Batch], tf.Tensor]


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
    rules: Rules,
) -> TrainStep:
    """A compiled step: (x, labels, shares, weights) of this worker, and its wish for a checkpoint.

    It answers float32 [6 + replicas], the same on every worker: the `Sums`, the norm of the
    gradient (finite where all of it is), the rate of the step, the wishes, and a flag a replica: 1
    where its own part was not finite. The wish, float32 scalar, is 0 or 1: so all workers learn by
    the same step what one of them knows, at no cost.

    `x` may be uint8; it is mixed here, as float32, on the device that trains. An answer is correct
    that names the image with the larger share.

    The gradient is that of the weighted mean over the *global* batch. It is summed here, in one
    collective with all else, and not by Keras: `clipnorm` bounds the norm of that sum, not of a
    worker's own part, as Keras's `global_clipnorm` would. `accumulate` parts of the batch go
    through the network one after the other, in less memory: Keras's own accumulation raises under
    this strategy, and would count each part as a step.
    """
    variables = [variable.value for variable in net.trainable_variables]
    classes = net.output_shape[-1]
    # Keras would sum the gradients over the workers once more (`TFOptimizer`, Keras 3.15).
    cast("Any", optimizer)._all_reduce_sum_gradients = lambda pairs: pairs

    def of_part(x: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> Tensors:
        with tf.GradientTape() as tape:
            logits = net(x, training=True)
            loss = tf.reduce_sum(cross_entropy(targets, logits, rules.smoothing) * weights)
        gradients = cast("Tensors", tape.gradient(loss, variables))
        return [_sums(loss, logits, labels, weights), *gradients]

    def on_replica(
        x: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor, weights: tf.Tensor, wish: tf.Tensor
    ) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        targets = tf.one_hot(labels, classes)
        if rules.mixup:
            x, targets = mix_images(x, shares), mix(targets, shares)
        parts = _parts((tf.cast(x, tf.float32), targets, labels, weights), rules.accumulate)
        own, *whole = _one_by_one(of_part, parts)
        said = tf.concat([own, [wish], _flags(own[0] + tf.linalg.global_norm(whole))], 0)
        said, *whole = _summed(context, [said, *whole])
        norm, scale = tf.linalg.global_norm(whole) / said[2], 1.0 / said[2]
        if rules.clipnorm is not None:
            scale *= tf.minimum(1.0, rules.clipnorm / norm)
        gradients = [part * scale for part in whole]
        rate = tf.cast(cast("Any", optimizer).learning_rate, tf.float32)
        optimizer.apply(gradients, net.trainable_variables)
        return tf.concat([said[:3], [norm, rate], said[3:]], 0)

    def step(batch: Batch, wish: tf.Tensor) -> tf.Tensor:
        return _any_local(strategy, strategy.run(on_replica, args=(*batch, wish)))

    return tf.function(step)


def make_evaluation_step(
    strategy: tf.distribute.Strategy, net: keras.Model, *, smoothing: float
) -> EvaluationStep:
    """A compiled step: (x, labels, weights) of this worker -> the same float32 on every worker.

    [3 + replicas]: the global `Sums`, and the flags, as in `make_train_step`, of the losses.
    """

    def on_replica(x: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        logits = net(x, training=False)
        targets = tf.one_hot(labels, logits.shape[-1])
        loss = tf.reduce_sum(cross_entropy(targets, logits, smoothing) * weights)
        said = tf.concat([_sums(loss, logits, labels, weights), _flags(loss)], 0)
        return _summed(tf.distribute.get_replica_context(), [said])[0]

    return tf.function(lambda batch: _any_local(strategy, strategy.run(on_replica, args=batch)))


def make_averaging(
    strategy: tf.distribute.Strategy, net: keras.Model, part: float
) -> Callable[[], None]:
    """Makes BatchNorm's moving statistics the mean over workers, where they follow the images.

    Each worker's own follow its own images; without this, who saves would decide the model. Each
    weighs by its `part` of the global batch: so an image weighs alike, whoever held it.
    """
    moving = [v for layer in _learning_batch_norms(net) for v in layer.non_trainable_weights]

    def on_replica() -> None:
        context = tf.distribute.get_replica_context()
        # The identity places each on this worker's device: a bare read is on none.
        own = [part * tf.identity(variable.value) for variable in moving]
        for variable, mean in zip(moving, _summed(context, own), strict=True):
            variable.assign(mean)

    average = tf.function(lambda: strategy.run(on_replica))
    return average if moving else lambda: None


def _summed(context: tf.distribute.ReplicaContext, own: Tensors) -> Tensors:
    """The sums over all replicas. TensorFlow would pack and unpack them for one alone too."""
    if context.num_replicas_in_sync == 1:
        return own
    return cast("Tensors", context.all_reduce(tf.distribute.ReduceOp.SUM, own))


def _learning_batch_norms(net: keras.Model) -> list[keras.layers.Layer]:
    layers = cast("list[keras.layers.Layer]", cast("Any", net)._flatten_layers())
    return [
        one for one in layers if isinstance(one, keras.layers.BatchNormalization) and one.trainable
    ]


def _sums(loss: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """This worker's `Sums`: float32 [3]."""
    hits = tf.cast(tf.equal(tf.argmax(logits, axis=-1), labels), tf.float32)
    return tf.stack([loss, tf.reduce_sum(hits * weights), tf.reduce_sum(weights)])


def _flags(value: tf.Tensor) -> tf.Tensor:
    """float32 [replicas]: 1 in this one's place where its value is not finite."""
    context = tf.distribute.get_replica_context()
    own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
    return own * tf.cast(tf.logical_not(tf.math.is_finite(value)), tf.float32)


def _parts(batch: Batch, count: int) -> list[Batch]:
    """A batch in that many parts, as equal as can be; fewer where it has fewer images."""
    images = cast("int", batch[0].shape[0])
    sizes = [len(range(part, images, count)) for part in range(min(count, images))]
    return list(zip(*(tf.split(values, sizes) for values in batch), strict=True))


def _one_by_one(of_part: Callable[..., Tensors], parts: Sequence[Batch]) -> Tensors:
    """The sum over the parts of what is made of each; no two are in memory at once."""
    total: Tensors = []
    for part in parts:
        with tf.control_dependencies(total):
            own = of_part(*part)
        total = [a + b for a, b in zip(total, own, strict=True)] if total else own
    return total


def _any_local(strategy: tf.distribute.Strategy, answers: tf.Tensor) -> tf.Tensor:
    """What all replicas answered alike."""
    return strategy.experimental_local_results(answers)[0]
