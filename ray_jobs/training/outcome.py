"""How far a training has come, and what it came to. No TensorFlow: the driver reads it too."""

from __future__ import annotations

from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.contract.run import EpochMetrics


class TrainingState(Document):
    """Where a training stands at the end of an epoch. `epoch` counts those done.

    Progress is kept in images too: the number of workers, and so of steps, may change.
    """

    epoch: int = 0
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    resumed_from_step: int = 0
    history: tuple[EpochMetrics, ...] = ()

    def after(self, metrics: EpochMetrics, images: float, seconds: float) -> TrainingState:
        """The state one epoch later; the best is by validation accuracy, then loss, then first."""
        history = (*self.history, metrics)
        best = max(history, key=lambda past: (past.val_accuracy, -past.val_loss))
        return TrainingState(
            epoch=metrics.epoch,
            step=metrics.step,
            images=self.images + round(images),
            seconds=self.seconds + seconds,
            best_epoch=best.epoch,
            resumed_from_step=self.resumed_from_step,
            history=history,
        )


class Outcome(Document):
    """What the chief answers the driver."""

    state: TrainingState
    weights: ObjectRef
    workers: int
