"""Workers drop each their own units, and go on with their own after a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf


def dropping():
    import keras

    inputs = keras.Input((64,))
    dropped = keras.layers.Dropout(0.5, seed=7)(inputs)
    return keras.Model(inputs, keras.layers.Dropout(0.1, seed=7)(dropped))


def masks(net, steps: int) -> list[np.ndarray]:
    """What each step lets through: bool [1, 64]."""
    return [net(np.ones((1, 64), np.float32), training=True).numpy() > 0 for _ in range(steps)]


def test_two_ranks_drop_different_units_and_rank_0_what_it_did_before():
    from ray_jobs.training.masks import draw_apart

    plain, chief, other = (masks(net, 2) for net in map(apart, (None, 0, 1), [draw_apart] * 3))
    assert np.array_equal(plain, chief)
    for own, others in zip(chief, other, strict=True):
        assert not np.array_equal(own, others)
    assert not np.array_equal(*other)


def apart(rank: int | None, draw_apart):
    """A network as a rank has it, or as it is built."""
    net = dropping()
    if rank is not None:
        draw_apart(net, rank)
    return net


def test_a_rank_goes_on_with_its_own_from_the_chiefs_checkpoint():
    from ray_jobs.training.checkpoint import assign, values_of
    from ray_jobs.training.masks import draw_apart

    chief, other = apart(0, draw_apart), apart(1, draw_apart)
    masks(chief, 3)
    whole = masks(other, 5)
    again = dropping()
    assign(again.variables, values_of(chief.variables))
    draw_apart(again, 1)
    assert np.array_equal(masks(again, 2), whole[3:])


# Those that drop in more places than before the logits.
@pytest.mark.parametrize(("name", "layers"), [("vgg16-classic", 3), ("convnet-small", 2)])
def test_no_two_layers_and_no_two_ranks_draw_by_the_same_state(name: str, layers: int):
    from ray_jobs.training.checkpoint import assign, values_of
    from ray_jobs.training.masks import draw_apart, states_of
    from ray_jobs.training.models import classifier

    head = classifier.build_head(name, 8, num_classes=3, dropout=0.2, seed=11)
    states = states_of(head)
    assert len(states) == layers
    built, seen = values_of(states), set()
    for rank in range(64):
        assign(states, built)
        draw_apart(head, rank)
        # As Keras hands them to TensorFlow (`_cast_seed`, Keras 3.15): int32.
        seen |= {int(value[0]) % (2**31 - 2) for value in values_of(states)}
    assert len(seen) == 64 * layers
