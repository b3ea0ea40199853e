"""RAdam: Adam whose step is rectified while the variance of its own rate is not yet known.

Liu et al. 2020, On the Variance of the Adaptive Learning Rate and Beyond (arXiv:1908.03265),
algorithm 2. Keras has none.
"""

from __future__ import annotations

from typing import Any, cast

import keras
import tensorflow as tf

_TRACTABLE = 4.0  # rho above which the variance of the adaptive rate is finite


class RAdam(keras.optimizers.Optimizer):
    """Adam, but with plain momentum for the first steps, and a rectified rate after them."""

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: object,
    ) -> None:
        """As `keras.optimizers.Adam`.

        Args:
          learning_rate: a rate, or a schedule of rates.
          beta_1: decay of the mean of the gradients.
          beta_2: decay of the mean of their squares.
          epsilon: added to the root of that mean, against a division by zero.
          **kwargs: of every optimizer of Keras.
        """
        rate = cast("Any", learning_rate)  # Keras types a schedule as no learning rate
        super().__init__(learning_rate=rate, **cast("dict[str, Any]", kwargs))
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the two moments of each variable."""
        if not self.built:
            super().build(variables)
            self._means, self._squares = self.add_optimizer_variables(variables, ["mean", "square"])

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """One step of a variable, with the names of the paper: rho, r, m, v."""
        place = self._get_variable_index(variable)
        m, v = self._means[place], self._squares[place]
        # rho is a small difference of large numbers: as float32 it would be wrong by a tenth.
        t = tf.cast(cast("Any", self.iterations).value, tf.float64) + 1
        left_1, left_2 = (1 - tf.pow(_double(beta), t) for beta in (self.beta_1, self.beta_2))
        longest = 2 / (1 - self.beta_2) - 1  # rho at infinity
        rho = longest - 2 * t * (1 - left_2) / left_2
        above = tf.maximum(rho, _TRACTABLE)  # no root of a negative number in the other branch
        r = tf.sqrt(((above - 4) * (above - 2) * longest) / ((longest - 4) * (longest - 2) * above))

        self.assign_add(m, (gradient - m.value) * (1 - self.beta_1))
        self.assign_add(v, (tf.square(gradient) - v.value) * (1 - self.beta_2))
        dtype = gradient.dtype
        mean = m.value / tf.cast(left_1, dtype)
        root = tf.sqrt(v.value / tf.cast(left_2, dtype)) + self.epsilon
        step = tf.where(rho > _TRACTABLE, tf.cast(r, dtype) * mean / root, mean)
        self.assign_sub(variable, tf.cast(learning_rate, dtype) * step)

    def get_config(self) -> dict[str, Any]:
        """Its settings; Keras asks for them."""
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own


def _double(value: float) -> tf.Tensor:
    return tf.constant(value, tf.float64)
