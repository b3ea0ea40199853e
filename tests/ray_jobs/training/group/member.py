"""Who a worker of a group is, and the two small networks that it trains."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ray_jobs.training.models import classifier

PX, CLASSES = 28, 3


class Member(NamedTuple):
    """Its place in the group, and where its files lie."""

    rank: int
    world: int
    strategy: tf.distribute.Strategy
    folder: Path

    @property
    def is_last(self) -> bool:
        """Whether it is the one that disturbs the others, where one does."""
        return self.rank == self.world - 1

    def own(self, *arrays: np.ndarray) -> tuple[tf.Tensor, ...]:
        """This worker's part of each array."""
        return tuple(tf.constant(array[self.rank :: self.world]) for array in arrays)

    def meet(self) -> None:
        """Wait until all are here."""

        def on_replica() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))

        met = self.strategy.run(tf.function(on_replica))
        assert float(self.strategy.experimental_local_results(met)[0]) == self.world


def convnet(strategy: tf.distribute.Strategy) -> keras.Model:
    """A small network that starts alike on all workers, and in a group of any size."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        return classifier.build("convnet-mnist", image_px=PX, num_classes=CLASSES)


def batch_norm_net(strategy: tf.distribute.Strategy) -> keras.Model:
    """A smaller one, with a batch norm that learns."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        return keras.Sequential(
            [
                keras.Input((PX, PX, 3)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.AveragePooling2D(4),
                keras.layers.Flatten(),
                keras.layers.Dense(4),
                keras.layers.BatchNormalization(),
                keras.layers.Dense(CLASSES),
            ]
        )


def statistics_net(strategy: tf.distribute.Strategy) -> keras.Model:
    """One whose batch norm sees the means of the images themselves, and half forgets each step."""
    keras.utils.set_random_seed(1)
    with strategy.scope():
        return keras.Sequential(
            [
                keras.Input((PX, PX, 3)),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.BatchNormalization(momentum=0.5, name="norm"),
                keras.layers.Dense(CLASSES),
            ]
        )
