"""What dropout drops, which must not be the same on every worker."""

from __future__ import annotations

import keras

from ray_jobs.training.checkpoint import assign, values_of

# Layers of a network have seeds side by side: ranks must lie further apart. A prime near 2^32 over
# the golden ratio spreads them over all seeds (Knuth, The Art of Computer Programming 3, 6.4).
_APART = 2_654_435_761


def states_of(net: keras.Model) -> list[keras.Variable]:
    """What the masks of a network follow from, of frozen layers too; none, where nothing drops."""
    return [one for one in net.variables if one.name == "seed_generator_state"]


def draw_apart(net: keras.Model, rank: int) -> None:
    """Give a worker masks of its own, of dropout and drop-connect; those of rank 0 stay.

    Keras draws them by a state, [seed, count], that is alike on all workers, in which no replica
    counts: a batch on sixteen workers would see one mask sixteen times.
    """
    states = states_of(net)
    values = values_of(states)
    for value in values:
        value[0] += rank * _APART
    assign(states, values)
