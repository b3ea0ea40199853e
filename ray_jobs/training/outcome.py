"""How far a training has come, and what it came to. No TensorFlow: the driver reads it too."""

from __future__ import annotations

from collections.abc import Sequence

from ray_jobs.contract.document import Document, ObjectRef, Part
from ray_jobs.contract.training import Calibration, EpochMetrics
from ray_jobs.training.phases import PhaseName


class Within(Part):
    """How far an epoch has come: `done` steps of `steps`, and what they summed up to."""

    done: int
    steps: int
    loss: float
    correct: float
    images: float


class TrainingState(Document):
    """Where a training stands. `epoch` counts those done, over all phases; `step` all steps.

    `within` is of the epoch after those, where that has begun. Progress is kept in images too: the
    number of workers, and so of steps, may change. `seconds` are those of every attempt, from its
    first step on, without steps that were lost.
    """

    phase: PhaseName = PhaseName.MAIN
    epoch: int = 0
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    within: Within | None = None
    best_epoch: int = 0
    resumed_from_step: int = 0
    history: tuple[EpochMetrics, ...] = ()

    def after(self, metrics: EpochMetrics, images: float, seconds: float) -> TrainingState:
        """The state one epoch later; the best is by validation accuracy, then loss, then first."""
        history = (*self.history, metrics)
        best = max(history, key=_merit)
        return self.model_copy(
            update={
                "epoch": metrics.epoch,
                "step": metrics.step,
                "images": self.images + round(images),
                "seconds": self.seconds + seconds,
                "within": None,
                "best_epoch": best.epoch,
                "history": history,
            }
        )

    def up_to(self, within: Within, seconds: float) -> TrainingState:
        """The state within the epoch that this one is before; `seconds` are those since."""
        step = self.epoch * within.steps + within.done
        seconds += self.seconds
        return self.model_copy(update={"within": within, "step": step, "seconds": seconds})

    def done_of(self, steps: int) -> int:
        """The steps of the next epoch that are done, where it has `steps` of them.

        As many as there were, if the number is the same; else the same part of the epoch: other
        workers hold other images, of which some come twice then and some not at all.
        """
        if self.within is None:
            return 0
        return round(self.within.done * steps / self.within.steps)


def is_stuck(history: Sequence[EpochMetrics], first: int, patience: int | None) -> bool:
    """Whether `patience` epochs of a phase have gone by without a better one.

    Args:
      history: every epoch so far.
      first: epochs before the phase.
      patience: None: never.
    """
    own = history[first:]
    if patience is None or not own:
        return False
    return len(history) - max(own, key=_merit).epoch >= patience


def _merit(epoch: EpochMetrics) -> tuple[float, float]:
    return epoch.val_accuracy, -epoch.val_loss


class Outcome(Document):
    """What the chief answers the driver."""

    state: TrainingState
    weights: ObjectRef
    calibration: Calibration
    workers: int
