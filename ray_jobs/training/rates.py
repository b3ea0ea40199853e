"""The recipe's optimizer, and its schedule inside the graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import keras
import tensorflow as tf

from ray_jobs.contract.recipe import Optimizer
from ray_jobs.training.radam import RAdam

_KINDS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "radam": RAdam,
}
_WITH_MOMENTUM = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}


class TabledRate(keras.optimizers.schedules.LearningRateSchedule):
    """Looks the rate of a step up in a table, so that no formula stands twice.

    `factor` multiplies it, and may be set between steps.
    """

    def __init__(self, table: Sequence[float]) -> None:
        super().__init__()
        self._table = list(table)
        self.factor = keras.Variable(1.0, trainable=False, dtype="float32", name="factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """float32 scalar; past the table its last value, which is that of the total."""
        rates = tf.constant(self._table, tf.float32)
        rate = rates[tf.minimum(tf.cast(step, tf.int32), len(self._table) - 1)]
        return rate * cast("Any", self.factor).value

    def get_config(self) -> dict[str, Any]:
        """The table; Keras asks for it."""
        return {"table": self._table}


def make_optimizer(
    optimizer: Optimizer, rate: TabledRate, *, ema: float = 0.0
) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, with the rate of every step.

    Args:
      optimizer: which one.
      rate: of every step.
      ema: decay a step of the averages that it keeps of the weights; 0: none.
    """
    kinds = _KINDS | {
        name: partial(kind, momentum=optimizer.momentum) for name, kind in _WITH_MOMENTUM.items()
    }
    kind = cast("Any", kinds[optimizer.name])  # Keras types a schedule as no learning rate
    averages = {"use_ema": True, "ema_momentum": ema} if ema else {}
    # A decay of 0 would be a pass over every weight too, each step; AdamW takes nothing less.
    decay = optimizer.weight_decay if optimizer.name == "adamw" else optimizer.weight_decay or None
    return kind(rate, weight_decay=decay, **averages)
