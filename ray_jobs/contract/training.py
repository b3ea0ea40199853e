"""What a training came to."""

from __future__ import annotations

from ray_jobs.contract.document import Document, ObjectRef, Part


class EpochMetrics(Part):
    """One epoch, as measured at its end; `epoch` counts from 1, losses are means an image."""

    epoch: int
    step: int
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    images_per_s: float


class TrainingResult(Document):
    """`runs/<run_id>/training.json`: the best checkpoint by validation, and how it came about."""

    run_id: str
    classes: tuple[str, ...]
    weights: ObjectRef
    best_epoch: int
    epochs: tuple[EpochMetrics, ...]
    workers: int
    resumed_from_step: int
    seconds: float
