"""What a training came to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

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


class Calibration(Part):
    """The temperature of a model, fitted on the whole validation split after the training.

    Probabilities are softmax(logits / temperature) (Guo et al. 2017, "On Calibration of Modern
    Neural Networks", section 4.2). The log-losses are means an image, in nats; the errors are
    expected calibration errors, 0 to 1; each before the temperature and with it.
    """

    temperature: Annotated[float, Field(gt=0)]
    images: int
    log_loss_before: float
    log_loss: float
    error_before: float
    error: float


class TrainingResult(Document):
    """`runs/<run_id>/training.json`: the best checkpoint by validation, and how it came about.

    `seconds` are those of the epochs, over every attempt: not in it are the start of the workers,
    the features of a frozen backbone, and steps that an attempt lost because it died.
    """

    run_id: str
    classes: tuple[str, ...]
    weights: ObjectRef
    calibration: Calibration
    best_epoch: int
    epochs: tuple[EpochMetrics, ...]
    workers: int
    resumed_from_step: int
    seconds: float
