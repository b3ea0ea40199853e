"""What a watcher sees."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from ray_jobs.contract.errors import ClusterError
from ray_jobs.contract.run import Progress
from ray_jobs.training import progress as board
from ray_jobs.training.outcome import TrainingState, Within
from ray_jobs.training.progress import ProgressBoard
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.test_checkpoint import metrics

KEY = "runs/ab12/progress.json"


def progress(step: int) -> Progress:
    return Progress(
        run_id="ab12",
        phase="training",
        epoch=1,
        epochs=2,
        step=step,
        steps=10,
        loss=None,
        accuracy=None,
        learning_rate=None,
        images_per_s=None,
        seconds_left=None,
    )


class CountingStore(InMemoryStore):
    """Counts its writes, and refuses them where told to."""

    def __init__(self) -> None:
        super().__init__()
        self.puts = 0
        self.down = False

    def put(self, key: str, data: bytes) -> None:
        try:
            if self.down:
                raise ClusterError("the object store does not answer", "it up", "Look")
            super().put(key, data)
        finally:
            self.puts += 1


def step_of(store: InMemoryStore) -> int:
    return json.loads(store.get(KEY))["step"]


def test_the_last_progress_is_published_when_the_training_ends():
    store = CountingStore()
    shown = ProgressBoard(store, "ab12")
    with shown.publishing():
        for step in range(1, 500):
            shown.show(progress(step))
    assert step_of(store) == 499


def test_progress_is_published_while_the_training_runs_and_not_for_every_step(monkeypatch):
    monkeypatch.setattr(board, "INTERVAL_S", 0.02)
    store = CountingStore()
    shown = ProgressBoard(store, "ab12")
    with shown.publishing():
        shown.show(progress(1))
        while store.puts == 0:
            pass
        assert step_of(store) == 1
    assert store.puts == 1


def test_a_store_that_is_down_does_not_stop_the_training(caplog):
    store = CountingStore()
    store.down = True
    shown = ProgressBoard(store, "ab12")
    with shown.publishing():
        shown.show(progress(1))
    assert "progress was not written: the object store does not answer" in caplog.text


@pytest.mark.tf
def test_an_epoch_is_one_line():
    from ray_jobs.training.watch import line_of

    assert line_of(metrics(3, 0.84, 0.5), 20, 800) == (
        "epoch 3/20 step 30/800 loss 1.000 accuracy 0.500 val_loss 0.500 val_accuracy 0.840"
        " lr 1.0e-01 9 images/s"
    )


@pytest.mark.tf
def test_progress_counts_steps_over_all_epochs_and_the_time_of_this_attempt_alone():
    from ray_jobs.recipes import catalog
    from ray_jobs.training.answer import Sums
    from ray_jobs.training.watch import Watch

    recipe = catalog.resolve("b0_scratch", {"epochs": 3, "head.epochs": 1, "batch_size": 8})
    seen: list[Progress] = []
    spec = SimpleNamespace(run_id="r", recipe=recipe)
    worker = SimpleNamespace(spec=spec, show=seen.append, is_chief=True)
    watch = Watch(worker, SimpleNamespace(step=lambda row: None))
    # An earlier attempt trained two epochs, and half of the third.
    within = Within(done=5, steps=10, loss=0.0, correct=0.0, images=40.0)
    watch.begin(steps=10, state=TrainingState(epoch=2, within=within))
    watch.step(26, 0.1, Sums(1.0, 1.0, 8.0), Sums(loss=4.0, correct=6.0, images=8.0))
    (shown,) = seen
    assert (shown.epoch, shown.epochs, shown.step, shown.steps) == (3, 4, 26, 40)
    assert (shown.loss, shown.accuracy, shown.learning_rate) == (0.5, 0.75, 0.1)
    assert shown.images_per_s is not None
    assert shown.seconds_left == pytest.approx(14 * 8 / shown.images_per_s)
    # A last step of three images: the five places that only fill it up are not counted.
    watch.step(27, 0.1, Sums(1.0, 1.0, 3.0), Sums(loss=4.0, correct=6.0, images=11.0))
    shown = seen[-1]
    assert shown.images_per_s is not None
    assert shown.seconds_left == pytest.approx(13 * (11 / 2) / shown.images_per_s)
