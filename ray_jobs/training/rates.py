"""The schedule inside the graph."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import keras
import tensorflow as tf

from ray_jobs.contract.recipe import Optimizer, Schedule
from ray_jobs.training.radam import RAdam
from ray_jobs.training.schedule import warmup_cosine


def rate_table(schedule: Schedule, *, epochs: int, steps: int) -> list[float]:
    """The rate of every step; `steps` are those of an epoch."""
    total = epochs * steps
    # The end of the hold is rounded, not its length: the two together never pass the total.
    warmup = round(schedule.warmup_epochs * steps)
    hold = round((schedule.warmup_epochs + schedule.hold_epochs) * steps) - warmup
    return [
        warmup_cosine(
            step,
            base_lr=schedule.base_lr,
            total_steps=total,
            warmup_lr=schedule.warmup_lr,
            warmup_steps=warmup,
            hold_steps=hold,
        )
        for step in range(total + 1)
    ]


class TabledRate(keras.optimizers.schedules.LearningRateSchedule):
    """Looks the rate of a step up in a table: exactly `warmup_cosine`, with no formula twice."""

    def __init__(self, table: list[float]) -> None:
        super().__init__()
        self._table = table

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """float32 scalar; past the table its last value, which is that of the total."""
        rates = tf.constant(self._table, tf.float32)
        return rates[tf.minimum(tf.cast(step, tf.int32), len(self._table) - 1)]

    def get_config(self) -> dict[str, Any]:
        """The table; Keras asks for it."""
        return {"table": self._table}


def make_optimizer(optimizer: Optimizer, rates: list[float]) -> keras.optimizers.Optimizer:
    """The recipe's optimizer, with the rate of every step."""
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": partial(keras.optimizers.SGD, momentum=optimizer.momentum),
        "rmsprop": partial(keras.optimizers.RMSprop, momentum=optimizer.momentum),
        "radam": RAdam,
    }
    kind = cast("Any", kinds[optimizer.name])  # Keras types a schedule as no learning rate
    return kind(TabledRate(rates), weight_decay=optimizer.weight_decay)
