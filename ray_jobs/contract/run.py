"""What is ordered (`RunSpec`) and what each step answers with (written once, by its step)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.document import Document, ObjectRef, Part
from ray_jobs.contract.recipe import Recipe


class ManifestRef(Part):
    """The data set version a run trains on."""

    dataset: str
    version: str
    key: str


class Resources(Part):
    """What the cluster gives a training: from `workers_min` to `workers_max` workers.

    A checkpoint is written every `checkpoint_minutes`, beside those at the end of each epoch. A
    worker that makes no progress for `stall_minutes` is ended, and the training goes on from the
    last checkpoint.
    """

    workers_min: Annotated[int, Field(ge=1, le=1024)]
    workers_max: Annotated[int, Field(ge=1, le=1024)]
    use_gpu: bool = False
    checkpoint_minutes: Annotated[float, Field(gt=0, le=1440)] = 10.0
    stall_minutes: Annotated[float, Field(gt=0, le=1440)] = 15.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.workers_min > self.workers_max:
            raise ValueError("workers_min at most workers_max")
        return self


class RunSpec(Document):
    """`runs/<run_id>/spec.json`.

    `fingerprint` = hash(manifest version, resolved recipe, seed, code version); `run_id` is its
    first 12 digits, with `-2`, `-3`, ... where a judged fingerprint is forced to run again.
    """

    run_id: str
    fingerprint: str
    manifest: ManifestRef
    recipe: Recipe
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    resources: Resources
    code_version: str
    note: str | None = None


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


class ExportFormat(StrEnum):
    """The formats a model is shipped in."""

    SAVED_MODEL = "savedmodel"


class Export(Part):
    """One shipped format: a prefix in the bucket and every file below it."""

    format: ExportFormat
    prefix: str
    files: tuple[ObjectRef, ...]


class ExportResult(Document):
    """`runs/<run_id>/exports.json`. `image_px` and `classes` are what a caller must know."""

    run_id: str
    image_px: int
    classes: tuple[str, ...]
    exports: tuple[Export, ...]
    probe: ObjectRef
    seconds: float


class VerificationResult(Document):
    """`runs/<run_id>/verification.json`: a fresh process loaded the export and it answered.

    `max_difference` is the largest absolute difference between a probability of the export and
    that of the trained model, over the probe images.
    """

    run_id: str
    images: int
    max_difference: float
    tolerance: float


class ClassScore(Part):
    """One class on one split. A rate without images is None."""

    images: int
    recall: float | None
    precision: float | None


class Scores(Part):
    """One model on one split. `confusion[i][j]` counts images of class i answered with j.

    `interval` is the 95% Wilson score interval of the accuracy.
    """

    model_version: int | None
    run_id: str
    images: int
    correct: int
    accuracy: float
    interval: tuple[float, float]
    classes: dict[str, ClassScore]
    confusion: tuple[tuple[int, ...], ...]


class EvaluationResult(Document):
    """`runs/<run_id>/evaluation.json`: candidate and champion, scored in one job on one split."""

    run_id: str
    manifest: ManifestRef
    split: Split
    candidate: Scores
    champion: Scores | None
    seconds: float


class Decision(StrEnum):
    """What the gate says. Each is a successful run."""

    PROMOTED = "promoted"
    KEPT = "kept"
    UNCHANGED = "unchanged"


class Verdict(Document):
    """`runs/<run_id>/verdict.json`: the decision, its reasons in words, and what it rests on."""

    run_id: str
    decision: Decision
    reasons: tuple[str, ...] = Field(min_length=1)
    champion_before: int | None


class ModelCard(Document):
    """`runs/<run_id>/card.json`: assembled last, from what each step wrote."""

    spec: RunSpec
    training: TrainingResult
    exports: ExportResult
    verification: VerificationResult
    evaluation: EvaluationResult
    verdict: Verdict
    model: str
    model_version: int


class Promotion(Part):
    """One move of the champion pointer; `reason` is what a person said of it, if anything."""

    model_version: int
    run_id: str
    by: str
    at: str
    reason: str | None = None


class ChampionPointer(Document):
    """`models/<name>/champion.json`: moved by If-Match; `history` ends with the champion of now."""

    model: str
    model_version: int
    run_id: str
    history: tuple[Promotion, ...] = Field(min_length=1)


class Progress(Document):
    """`runs/<run_id>/progress.json`: where a training stands; overwritten as it goes."""

    run_id: str
    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None
    accuracy: float | None
    learning_rate: float | None
    images_per_s: float | None
    seconds_left: float | None
