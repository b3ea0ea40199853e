"""What dropout drops, which must not be the same on every worker."""

from __future__ import annotations

import keras

from ray_jobs.training.checkpoint import assign, values_of


def draw_apart(net: keras.Model, rank: int) -> None:
    """Give a worker masks of its own, of dropout and drop-connect; those of rank 0 stay.

    Keras draws them by a state, [seed, count], that is alike on all workers, in which no replica
    counts: a batch on sixteen workers would see one mask sixteen times.
    """
    for state in net.variables:
        if state.name == "seed_generator_state":
            (value,) = values_of([state])
            value[0] += rank
            assign([state], [value])
