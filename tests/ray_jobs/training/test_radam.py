"""RAdam against the algorithm of the paper, written in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.ray_jobs.training.conftest import KERAS_COPY

pytestmark = [pytest.mark.tf, KERAS_COPY]


def reference(start, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Algorithm 2 of arXiv:1908.03265 in float64: the variable after each step."""
    theta, m, v = start.astype(np.float64), 0.0, 0.0
    longest = 2 / (1 - beta_2) - 1
    for t, gradient in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        mean = m / (1 - beta_1**t)
        rho = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho > 4:
            r = math.sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))
            theta = theta - rate * r * mean / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        else:
            theta = theta - rate * mean
        yield theta


@pytest.mark.parametrize("beta_2", [0.9, 0.99, 0.999])
def test_every_step_is_that_of_the_paper(beta_2: float):
    import keras
    import tensorflow as tf

    from ray_jobs.training.radam import RAdam

    rng = np.random.default_rng(0)
    start = rng.normal(size=(3, 4)).astype(np.float32)
    gradients = rng.normal(size=(60, 3, 4)).astype(np.float32)
    variable = keras.Variable(start)
    optimizer = RAdam(0.01, beta_2=beta_2)
    expected = reference(start, gradients.astype(np.float64), 0.01, beta_2=beta_2)
    for gradient, wanted in zip(gradients, expected, strict=True):
        optimizer.apply([tf.constant(gradient)], [variable])
        np.testing.assert_allclose(variable.numpy(), wanted, rtol=2e-4, atol=2e-6)


def test_the_first_four_steps_are_momentum_alone():
    """With beta_2 0.999, rho passes 4 at the fifth step (the paper, section 5.3)."""
    import keras
    import tensorflow as tf

    from ray_jobs.training.radam import RAdam

    taken = []
    for scale in (1.0, 1000.0):
        variable, optimizer = keras.Variable([0.0]), RAdam(1.0)
        steps = []
        for _ in range(6):
            before = float(variable.numpy()[0])
            optimizer.apply([tf.constant([scale])], [variable])
            steps.append((before - float(variable.numpy()[0])) / scale)
        taken.append(steps)
    small, large = taken
    np.testing.assert_allclose(small[:4], [1.0] * 4, rtol=1e-5)
    np.testing.assert_allclose(large[:4], small[:4], rtol=1e-5)
    assert large[4] < 0.01 * small[4]  # from now on the size of the gradient plays no part


def test_its_settings_and_its_moments_come_back():
    import keras
    import tensorflow as tf

    from ray_jobs.training.radam import RAdam

    optimizer = RAdam(0.5, beta_1=0.8)
    again = RAdam.from_config(optimizer.get_config())
    assert (again.beta_1, again.beta_2, float(again.learning_rate.numpy())) == (0.8, 0.999, 0.5)
    variable = keras.Variable([1.0, 2.0])
    optimizer.apply([tf.constant([1.0, -1.0])], [variable])
    rate, steps, *moments = optimizer.variables
    assert int(steps.numpy()) == 1 or int(rate.numpy()) == 1
    assert [moment.shape for moment in moments] == [(2,), (2,)]
