"""Which images of a split a version keeps, and their labels: what its table of entries says.

A shard may be older than the version that names it. It may hold images that the version has set
aside, and others of which it has a label of its own: the label beside an image in a shard is not
read.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, cast

import pyarrow
from pyarrow import parquet

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store, fetch

_COLUMNS = ["shard", "sha256", "label"]

Roster = dict[str, int]
"""Place of a record that counts (`place`) -> its label, an index into the manifest's classes."""


def place(shard: str, sha256: str) -> str:
    """The name of a record: an image that went and came back lies in two shards, and counts once.

    Args:
      shard: the shard's key, or its file.
      sha256: of the original image, hex.

    >>> place("shards/train/ab12.tfrecord", "cd34")
    'ab12.tfrecord/cd34'
    """
    return f"{PurePath(shard).name}/{sha256}"


def read_roster(store: Store, manifest: DatasetManifest, split: Split) -> Roster:
    """The roster of one split; rows of other splits are not looked at.

    Raises:
      DataError: the table is not the one of the manifest, or contradicts it.
    """
    label_of = {name: label for label, name in enumerate(manifest.classes)}
    rows = _kept(fetch(store, manifest.entries), split)
    unknown = sorted({str(row["label"]) for row in rows} - label_of.keys())
    if unknown:
        raise _contradiction(manifest, f"names a class '{unknown[0]}'", str(manifest.classes))
    roster = {place(row["shard"], row["sha256"]): label_of[row["label"]] for row in rows}
    expected = sum(shard.records for shard in manifest.shards[split])
    if len(roster) != expected:
        found = f"keeps {len(roster)} images in split '{split}'"
        raise _contradiction(manifest, found, f"{expected} as its shards count")
    return roster


def _kept(table: bytes, split: Split) -> list[dict[str, Any]]:
    # pyarrow ships no types.
    arrow, reader = cast("Any", pyarrow), cast("Any", parquet)
    kept = [("state", "=", ImageState.KEPT.value), ("split", "=", split.value)]
    found = reader.read_table(arrow.BufferReader(table), columns=_COLUMNS, filters=kept)
    return cast("list[dict[str, Any]]", found.to_pylist())


def _contradiction(manifest: DatasetManifest, fact: str, expected: str) -> DataError:
    table = f"{manifest.entries.key} of {manifest.dataset} {manifest.version}"
    return DataError(f"{table} {fact}", expected, "Ingest again")
