"""A checkpoint brings back what was saved, and a state knows its best epoch."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ray_jobs.contract.errors import DataError
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.recipes import catalog
from ray_jobs.training.outcome import TrainingState, Within, is_stuck
from tests.tasks.documents import spec


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


def test_an_epoch_that_ends_is_no_longer_within():
    begun = Within(done=3, steps=10, loss=1.0, correct=2.0, images=24.0)
    state = TrainingState(within=begun).after(metrics(1, 0.5), 80.0, 1.0)
    assert state.within is None


@pytest.mark.parametrize(("steps", "done"), [(10, 3), (20, 6), (5, 2), (3, 1)])
def test_so_much_of_an_epoch_is_done_whatever_its_number_of_steps(steps: int, done: int):
    begun = Within(done=3, steps=10, loss=1.0, correct=2.0, images=24.0)
    assert TrainingState(within=begun).done_of(steps) == done
    assert TrainingState().done_of(steps) == 0


@pytest.mark.parametrize(
    ("accuracies", "first", "patience", "stuck"),
    [
        ([], 0, 1, False),
        ([0.5, 0.4, 0.4], 0, None, False),
        ([0.5, 0.4], 0, 2, False),
        ([0.5, 0.4, 0.4], 0, 2, True),
        ([0.5, 0.4, 0.6], 0, 2, False),
        ([0.9, 0.4, 0.5], 1, 2, False),  # what was before the phase does not count
        ([0.9, 0.5, 0.4, 0.4], 1, 2, True),
    ],
)
def test_a_training_is_stuck_after_so_many_epochs_without_a_better_one(
    accuracies: list[float], first: int, patience: int | None, stuck: bool
):
    history = [metrics(n, accuracy) for n, accuracy in enumerate(accuracies, 1)]
    assert is_stuck(history, first, patience) is stuck


PARTS = {
    "net": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)],
    "best": [np.array([1.5], np.float32)] * 11,
}


@pytest.mark.tf
def test_a_checkpoint_brings_everything_back(tmp_path):
    from ray_jobs.training import checkpoint

    state = after(metrics(1, 0.5))
    checkpoint.save(tmp_path, state, PARTS, "mine")
    loaded, found = checkpoint.load(tmp_path, "mine")
    assert loaded == state
    assert list(found) == ["net", "best"]
    for name, values in PARTS.items():
        for value, expected in zip(found[name], values, strict=True):
            np.testing.assert_array_equal(value, expected)
            assert value.dtype == expected.dtype


@pytest.mark.tf
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "checkpoint.json").unlink(), "it has no checkpoint.json"),
        (lambda folder: (folder / "variables.npz").unlink(), "variables.npz is not what was"),
        (lambda folder: cut(folder / "variables.npz"), "variables.npz is not what was written"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(spoil, why, tmp_path):
    from ray_jobs.training import checkpoint

    folder = tmp_path / "checkpoint_7"
    folder.mkdir()
    checkpoint.save(folder, TrainingState(), PARTS, "mine")
    spoil(folder)
    with pytest.raises(DataError, match=f"checkpoint checkpoint_7: {why}"):
        checkpoint.load(folder, "mine")


@pytest.mark.tf
@pytest.mark.parametrize("change", [{"layout": 3}, {"layout": None}])
def test_a_checkpoint_of_another_version_of_sortline_is_refused(change, tmp_path):
    from ray_jobs.training import checkpoint

    checkpoint.save(tmp_path, TrainingState(), PARTS, "mine")
    path = tmp_path / "checkpoint.json"
    seal = json.loads(path.read_bytes()) | change  # the first version named no layout
    path.write_text(json.dumps({key: value for key, value in seal.items() if value is not None}))
    with pytest.raises(DataError, match=r"its layout is [13], of another version of Sortline"):
        checkpoint.load(tmp_path, "mine")


@pytest.mark.tf
def test_a_seal_that_was_cut_is_refused(tmp_path):
    from ray_jobs.contract.errors import SpecError
    from ray_jobs.training import checkpoint

    checkpoint.save(tmp_path, TrainingState(), PARTS, "mine")
    cut(tmp_path / "checkpoint.json")
    with pytest.raises(SpecError, match=r"checkpoint\.json"):
        checkpoint.load(tmp_path, "mine")


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.tf
@pytest.mark.parametrize(
    ("change", "classes"),
    [
        ({"seed": 2}, ["a", "b"]),
        ({"recipe": catalog.resolve("lite0_probe", {"epochs": 3})}, ["a", "b"]),
        ({}, ["b", "a"]),
        ({}, ["a", "b", "c"]),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(change, classes, tmp_path):
    from ray_jobs.training import checkpoint

    own = spec()
    checkpoint.save(tmp_path, TrainingState(), PARTS, checkpoint.identity_of(own, ["a", "b"]))
    other = checkpoint.identity_of(own.model_copy(update=change), classes)
    with pytest.raises(DataError, match="of another recipe, seed, data set version or label set"):
        checkpoint.load(tmp_path, other)


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
    checkpoint.save(tmp_path, TrainingState(), parts, "mine")
    steps(weight, optimizer, 4)

    resumed, own = fresh()
    _, found = checkpoint.load(tmp_path, "mine")
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
