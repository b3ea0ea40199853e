"""The optimizer follows the schedule, every step."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.recipe import Optimizer, Schedule
from ray_jobs.training.schedule import warmup_cosine

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

    from ray_jobs.training.rates import TabledRate, rate_table

    rate = TabledRate(rate_table(SCHEDULE, epochs=4, steps=6))
    traced = tf.function(rate, input_signature=[tf.TensorSpec([], tf.int64)])
    for step in range(26):
        assert traced(tf.constant(step, tf.int64)).numpy() == expected(step)
        assert rate(tf.constant(step, tf.int64)).numpy() == expected(step)


def test_a_warm_up_and_a_hold_that_both_round_up_still_end_with_the_training():
    from ray_jobs.training.rates import rate_table

    # Three steps: 1.5 of warm-up become 2, and leave 1 of the 1.5 of hold.
    halves = Schedule(base_lr=0.4, warmup_epochs=0.5, hold_epochs=0.5)
    assert rate_table(halves, epochs=1, steps=3) == [0.0, 0.2, 0.4, 0.4]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "radam"])
def test_the_optimizer_takes_the_next_rate_with_every_step(name: str):
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import make_optimizer, rate_table

    optimizer = make_optimizer(
        Optimizer(name=name, weight_decay=0.1), rate_table(SCHEDULE, epochs=4, steps=6)
    )
    weight = keras.Variable(1.0)
    optimizer.build([weight])
    apply = tf.function(lambda: optimizer.apply([tf.constant(1.0)], [weight]))
    for step in range(24):
        assert np.float32(optimizer.learning_rate) == expected(step)
        apply()


def test_adam_moves_by_the_rate_of_the_step():
    import keras
    import tensorflow as tf

    from ray_jobs.training.rates import make_optimizer, rate_table

    # With a gradient that never changes, Adam's step is the rate itself (Kingma and Ba 2015, 2.1).
    optimizer = make_optimizer(Optimizer(), rate_table(SCHEDULE, epochs=4, steps=6))
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    for step in range(24):
        before = float(weight)
        optimizer.apply([tf.constant(1.0)], [weight])
        assert before - float(weight) == pytest.approx(float(expected(step)), abs=1e-5)
