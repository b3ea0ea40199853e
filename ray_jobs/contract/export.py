"""What is shipped of a model, and what was seen of it by running it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from ray_jobs.contract.document import Document, ObjectRef, Part
from ray_jobs.contract.run import ManifestRef


class ExportFormat(StrEnum):
    """The formats a model is shipped in."""

    SAVED_MODEL = "savedmodel"
    ONNX = "onnx"
    LITERT = "litert"


def _size_of(fields: dict[str, Any]) -> int:
    return sum(file.size_bytes for file in fields["files"])


class Export(Part):
    """One format: a prefix in the bucket and every file below it, `size_bytes` together.

    `entry` is what a runtime of the format loads, relative to the prefix: a folder
    `<name>/<version>` for `savedmodel`, as TensorFlow Serving wants it, else a file.
    """

    format: ExportFormat
    prefix: str
    entry: str
    files: tuple[ObjectRef, ...]
    size_bytes: int = Field(default_factory=_size_of)


class ExportResult(Document):
    """`runs/<run_id>/exports.json`: what was made of a trained model; nobody has run it yet.

    `image_px` and `classes` are what a caller must know; `temperature` is inside every export.
    `refused` maps a format that could not be made to the reason.
    """

    run_id: str
    model: str
    model_version: int
    image_px: int
    classes: tuple[str, ...]
    temperature: float
    exports: tuple[Export, ...] = Field(min_length=1)
    refused: dict[ExportFormat, str] = Field(default_factory=dict[ExportFormat, str])
    seconds: float

    def of(self, kind: ExportFormat) -> Export:
        """What was made in one format. Raises StopIteration where it was refused."""
        return next(one for one in self.exports if one.format is kind)


class Parity(Part):
    """An export beside the trained model, on the same images.

    `same` counts those with the same likeliest class, `ties` those of the others where the two
    likeliest of the trained model are within 1e-3: `agreement` is same / (images - ties), None
    where all are ties. `max_difference` is the largest of any probability, 0 to 1.
    """

    images: int
    same: int
    ties: int
    agreement: float | None
    max_difference: float


class Latency(Part):
    """How long one image takes, alone, on the CPUs of the job that asked; milliseconds."""

    requests: int
    threads: int
    median_ms: float
    p99_ms: float


class Verified(Part):
    """What was seen of one export. It is published where it is at parity, and else not: `reason`.

    `parity` is None where it could not be opened or gave no answer, `latency` where it could not be
    timed. Only published exports are served and downloaded; the files of the others stay where they
    are.
    """

    format: ExportFormat
    parity: Parity | None
    latency: Latency | None
    published: bool
    reason: str | None


class VerificationResult(Document):
    """`runs/<run_id>/verification.json`: every export was run, on the whole test split.

    `agreement_floor` and `difference_bound` are what a format had to reach. `clean_process` tells
    whether a process without any of our code served the SavedModel from encoded bytes; where it did
    not, the SavedModel is not published, and its `reason` says why.
    """

    run_id: str
    manifest: ManifestRef
    images: int
    agreement_floor: Annotated[float, Field(ge=0, le=1)]
    difference_bound: dict[ExportFormat, float]
    clean_process: bool
    formats: tuple[Verified, ...]
    seconds: float

    @property
    def published(self) -> tuple[ExportFormat, ...]:
        """The formats that are at parity, and of which nothing else is amiss."""
        return tuple(one.format for one in self.formats if one.published)
