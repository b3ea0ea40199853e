"""What models answer on a test split."""

from __future__ import annotations

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.document import Document, Part
from ray_jobs.contract.run import ManifestRef


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
