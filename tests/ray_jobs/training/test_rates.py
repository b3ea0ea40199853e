"""The optimizer follows the schedule, every step."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.recipe import Optimizer, Schedule
from ray_jobs.training.schedule import rate_table, warmup_cosine
from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = pytest.mark.tf

SCHEDULE = Schedule(base_lr=0.3, warmup_lr=0.01, warmup_epochs=1.5, hold_epochs=0.5)


def expected(step: int) -> np.float32:
    """Four epochs of six steps: 24, of which 9 warm up and 3 hold."""
    return np.float32(
        warmup_cosine(
            step, base_lr=0.3, total_steps=24, warmup_lr=0.01, warmup_steps=9, hold_steps=3
        )
    )


def test_the_traced_rate_is_that_of_the_function_at_every_step():
    import tensorflow as tf

    from ray_jobs.training.rates import TabledRate

    rate = TabledRate(rate_table(SCHEDULE, epochs=4, steps=6))
    traced = tf.function(rate, input_signature=[tf.TensorSpec([], tf.int64)])
    for step in range(26):
        assert traced(tf.constant(step, tf.int64)).numpy() == expected(step)
        assert rate(tf.constant(step, tf.int64)).numpy() == expected(step)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "radam"])
def test_the_optimizer_takes_the_next_rate_with_every_step(name: str, decay: float):
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import TabledRate, make_optimizer

    rate = TabledRate(rate_table(SCHEDULE, epochs=4, steps=6))
    optimizer = make_optimizer(Optimizer(name=name, weight_decay=decay), rate)
    weight = keras.Variable(1.0)
    optimizer.build([weight])
    apply = tf.function(lambda: optimizer.apply([tf.constant(1.0)], [weight]))
    for step in range(24):
        assert np.float32(optimizer.learning_rate) == expected(step)
        apply()


def test_adam_moves_by_the_rate_of_the_step():
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import TabledRate, make_optimizer

    # With a gradient that never changes, Adam's step is the rate itself (Kingma and Ba 2015, 2.1).
    rate = TabledRate(rate_table(SCHEDULE, epochs=4, steps=6))
    optimizer = make_optimizer(Optimizer(), rate)
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    for step in range(24):
        before = float(weight)
        optimizer.apply([tf.constant(1.0)], [weight])
        assert before - float(weight) == pytest.approx(float(expected(step)), abs=1e-5)


def test_a_factor_set_between_steps_counts_from_the_next_on():
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import TabledRate, make_optimizer

    rate = TabledRate([0.5] * 3)
    optimizer = make_optimizer(Optimizer(name="sgd", momentum=0.0), rate)
    weight = keras.Variable(1.0)
    optimizer.build([weight])
    apply = tf.function(lambda: optimizer.apply([tf.constant(1.0)], [weight]))
    apply()
    assert float(weight) == 0.5
    rate.factor.assign(0.1)
    apply()
    assert float(weight) == pytest.approx(0.45)


def stepped(optimizer: Optimizer, gradient: float, steps: int) -> list[float]:
    """A weight that starts at 1, after each step at the rate 0.5."""
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import TabledRate, make_optimizer

    made = make_optimizer(optimizer, TabledRate([0.5] * (steps + 1)))
    weight = keras.Variable(1.0)
    made.build([weight])
    found = []
    for _ in range(steps):
        made.apply([tf.constant(gradient)], [weight])
        found.append(float(weight))
    return found


def test_sgd_goes_on_by_the_momentum_of_the_recipe():
    # Moves of 0.5, then of 0.5 + 0.8 * 0.5.
    sgd = Optimizer(name="sgd", momentum=0.8)
    assert stepped(sgd, 1.0, 2) == pytest.approx([0.5, -0.4])


def test_rmsprop_goes_on_by_the_momentum_of_the_recipe():
    # The mean square is 0.1, then 0.19: moves of 0.5 over its root, and 0.8 of the move before.
    first, second = 0.5 / 0.1**0.5, 0.5 / 0.19**0.5
    rmsprop = Optimizer(name="rmsprop", momentum=0.8)
    after = [1 - first, 1 - first - (0.8 * first + second)]
    assert stepped(rmsprop, 1.0, 2) == pytest.approx(after, rel=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "radam"])
def test_a_weight_without_a_gradient_shrinks_by_rate_times_decay(name: str):
    # 1 - 0.5 * 0.1, a step.
    decaying = Optimizer(name=name, weight_decay=0.1)
    assert stepped(decaying, 0.0, 2) == pytest.approx([0.95, 0.95**2])
    assert stepped(Optimizer(name=name, weight_decay=0.0), 0.0, 1) == [1.0]


def test_the_averages_follow_the_weights_by_the_decay():
    import keras
    import tensorflow as tf

    from ray_jobs.training.checkpoint import averages_of
    from ray_jobs.training.rates import TabledRate, make_optimizer

    sgd = Optimizer(name="sgd", momentum=0.0)
    optimizer = make_optimizer(sgd, TabledRate([1.0] * 4), ema=0.9)
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    average = None
    for _ in range(4):
        optimizer.apply([tf.constant(-1.0)], [weight])
        now = float(weight)
        average = now if average is None else 0.9 * average + 0.1 * now
        (found,) = averages_of(optimizer)
        assert float(found) == pytest.approx(average)
    assert float(weight) == 4.0


@KERAS_COPY
def test_a_plateau_is_one_where_keras_sees_one():
    import keras

    from ray_jobs.training.schedule import plateau_factor

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    judge = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=3)
    judge.set_model(model)
    judge.on_train_begin()
    losses = np.random.default_rng(1).normal(1, 0.1, 40).round(2).tolist()
    for epoch, loss in enumerate(losses):
        judge.on_epoch_end(epoch, {"val_loss": loss})
        factor = plateau_factor(losses[: epoch + 1], patience=3)
        assert float(model.optimizer.learning_rate) == pytest.approx(factor, rel=1e-4)
    assert factor < 0.01
