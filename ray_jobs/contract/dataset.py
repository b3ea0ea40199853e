"""What an ingest publishes: the manifest of one data set version."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from ray_jobs.contract.document import Document, ObjectRef, Part

NEAR_BITS = 28
"""Two photos whose perceptual hashes, of 256 bits, differ in no more are near-duplicates."""


class Split(StrEnum):
    """The three splits. An image's split never changes."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class ImageState(StrEnum):
    """What became of an image file; each is in exactly one state."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


class StateCounts(Part):
    """Image files a state."""

    kept: int
    duplicate: int
    conflict: int
    quarantined: int


class ShardRef(Part):
    """One TFRecord shard, written by this version or by one before it.

    `stored` counts the records in the file, `records` those that this version keeps: the others
    are not read. Which they are, and what their labels are, say the entries.
    """

    key: str
    sha256: str
    size_bytes: int
    records: int
    stored: int


class SourceRef(Part):
    """Where the images came from, without credentials, and how their classes were read.

    `class_map` maps a class of the source to the one that it became, null where it was dropped;
    a class that kept its name is not in it. `keep_test` tells that the source's own test split
    was honoured.
    """

    uri: str
    format: str
    class_map: dict[str, str | None] = Field(default_factory=dict[str, str | None])
    keep_test: bool = False


class DatasetManifest(Document):
    """`datasets/<name>/<version>/manifest.json`: written last, so its presence means complete.

    `classes` is sorted; a label is an index into it. `splits` maps split -> class -> images kept;
    `checks` maps what was noted of files (`alpha`, `truncated`) to their number.
    It holds no clock reading: the same images give the same bytes.
    """

    dataset: str
    version: str
    source: SourceRef
    classes: tuple[str, ...] = Field(min_length=2)
    images: StateCounts
    checks: dict[str, int] = Field(default_factory=dict[str, int])
    splits: dict[Split, dict[str, int]]
    shards: dict[Split, tuple[ShardRef, ...]]
    entries: ObjectRef


class LatestVersion(Document):
    """`datasets/<name>/latest.json`: the newest version of a data set."""

    dataset: str
    version: str
