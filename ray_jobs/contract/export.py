"""What is shipped of a model, and what was seen of it by running it."""

from __future__ import annotations

from enum import StrEnum

from ray_jobs.contract.document import Document, ObjectRef, Part


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
