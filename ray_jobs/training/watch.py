"""What a watcher sees of a training: its progress as it goes, and a line an epoch."""

from __future__ import annotations

import logging
import time

from ray_jobs.contract.run import Progress
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.training.answer import Sums
from ray_jobs.training.journal import Journal
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.phases import epochs_of
from ray_jobs.training.step_log import StepMetrics
from ray_jobs.training.worker import Worker

log = logging.getLogger(__name__)


class Watch:
    """Keeps the time of one worker's phase; only the chief's is shown."""

    def __init__(self, worker: Worker, journal: Journal) -> None:
        self._worker, self._journal = worker, journal
        self._recipe = worker.spec.recipe
        self._epochs = epochs_of(self._recipe)

    def begin(self, *, steps: int, state: TrainingState) -> None:
        """Start the clock where a training stands; `steps` are those of an epoch."""
        self._steps = steps
        self._first = state.epoch * steps + state.done_of(steps)
        self._images = state.images + (state.within.images if state.within else 0.0)
        self._images_before = self._images
        self._started = time.monotonic()

    def step(self, step: int, rate: float, sums: Sums, of_epoch: Sums) -> None:
        """Show one step; `step` counts from 1 over all epochs."""
        done, total = step - self._first, self._epochs * self._steps
        seconds = max(time.monotonic() - self._started, 1e-9)
        epoch = (step - 1) // self._steps + 1
        self._images += sums.images
        speed = (self._images - self._images_before) / seconds
        row = StepMetrics(
            step=step,
            epoch=epoch,
            images=round(self._images),
            learning_rate=rate,
            loss=sums.loss / sums.images,
            accuracy=sums.correct / sums.images,
            images_per_s=speed,
        )
        self._journal.step(row)
        progress = Progress(
            run_id=self._worker.spec.run_id,
            phase="training",
            epoch=epoch,
            epochs=self._epochs,
            step=step,
            steps=total,
            loss=of_epoch.loss / of_epoch.images,
            accuracy=of_epoch.correct / of_epoch.images,
            learning_rate=rate,
            images_per_s=speed,
            seconds_left=seconds / done * (total - step),
        )
        self._worker.show(progress)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Log one epoch, in one line."""
        self._journal.epoch(metrics)
        if self._worker.is_chief:
            log.info("%s", line_of(metrics, self._epochs, self._epochs * self._steps))


def line_of(metrics: EpochMetrics, epochs: int, steps: int) -> str:
    """One epoch in one line."""
    return (
        f"epoch {metrics.epoch}/{epochs} step {metrics.step}/{steps}"
        f" loss {metrics.loss:.3f} accuracy {metrics.accuracy:.3f}"
        f" val_loss {metrics.val_loss:.3f} val_accuracy {metrics.val_accuracy:.3f}"
        f" lr {metrics.learning_rate:.1e} {metrics.images_per_s:.0f} images/s"
    )
