"""A checkpoint brings back what was saved, and a state knows its best epoch."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.run import EpochMetrics
from ray_jobs.training.outcome import TrainingState


def metrics(epoch: int, accuracy: float, loss: float = 1.0) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        step=epoch * 10,
        learning_rate=0.1,
        loss=1.0,
        accuracy=0.5,
        val_loss=loss,
        val_accuracy=accuracy,
        images_per_s=9.0,
    )


def after(*epochs: EpochMetrics) -> TrainingState:
    state = TrainingState()
    for epoch in epochs:
        state = state.after(epoch, 100.0, 2.5)
    return state


def test_a_state_adds_up():
    state = after(metrics(1, 0.5), metrics(2, 0.4))
    assert (state.epoch, state.step, state.images, state.seconds) == (2, 20, 200, 5.0)


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([metrics(1, 0.5), metrics(2, 0.7), metrics(3, 0.6)], 2),
        ([metrics(1, 0.5, 1.0), metrics(2, 0.5, 0.9)], 2),
        ([metrics(1, 0.5, 1.0), metrics(2, 0.5, 1.0)], 1),
    ],
)
def test_the_best_is_by_accuracy_then_loss_then_the_first(epochs: list[EpochMetrics], best: int):
    assert after(*epochs).best_epoch == best


@pytest.mark.tf
def test_a_checkpoint_brings_everything_back(tmp_path):
    from ray_jobs.training import checkpoint

    state = after(metrics(1, 0.5))
    parts = {
        "net": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)],
        "best": [np.array([1.5], np.float32)] * 11,
    }
    checkpoint.save(tmp_path, state, parts)
    loaded, found = checkpoint.load(tmp_path)
    assert loaded == state
    assert list(found) == ["net", "best"]
    for name, values in parts.items():
        for value, expected in zip(found[name], values, strict=True):
            np.testing.assert_array_equal(value, expected)
            assert value.dtype == expected.dtype


@pytest.mark.tf
def test_a_training_that_is_restored_goes_on_as_if_it_had_not_stopped(tmp_path):
    import keras
    import tensorflow as tf

    from ray_jobs.training import checkpoint

    def fresh():
        keras.utils.set_random_seed(3)
        weight = keras.Variable(2.0)
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build([weight])
        return weight, optimizer

    def steps(weight, optimizer, count: int) -> None:
        for _ in range(count):
            optimizer.apply([tf.convert_to_tensor(weight) * 2], [weight])

    weight, optimizer = fresh()
    steps(weight, optimizer, 3)
    parts = {
        "net": checkpoint.values_of([weight]),
        "optimizer": checkpoint.values_of(optimizer.variables),
    }
    checkpoint.save(tmp_path, TrainingState(), parts)
    steps(weight, optimizer, 4)

    resumed, own = fresh()
    _, found = checkpoint.load(tmp_path)
    checkpoint.assign([resumed], found["net"])
    checkpoint.assign(own.variables, found["optimizer"])
    steps(resumed, own, 4)
    assert float(resumed) == float(weight)


@pytest.mark.tf
def test_a_digest_is_that_of_the_values():
    import keras

    from ray_jobs.training.checkpoint import digest_of

    one, two = (keras.Variable([1.0, 2.0]) for _ in range(2))
    assert digest_of([one]) == digest_of([two])
    two.assign([1.0, 2.0000002])
    assert digest_of([one]) != digest_of([two])
