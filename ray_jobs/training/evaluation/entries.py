"""The images that a version keeps, as its table of entries has them."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import pyarrow
from pyarrow import parquet

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.storage import Store, fetch


class Kept(NamedTuple):
    """An image that is kept; the hashes are hex."""

    sha256: str
    pixel_sha256: str
    phash: str
    group: str
    label: str
    split: Split


def read_kept(store: Store, manifest: DatasetManifest) -> list[Kept]:
    """Every image that a version keeps, sorted by sha256.

    Raises:
      DataError: the table is not the one of the manifest.
    """
    # pyarrow ships no types.
    arrow, reader = cast("Any", pyarrow), cast("Any", parquet)
    table = reader.read_table(
        arrow.BufferReader(fetch(store, manifest.entries)),
        columns=list(Kept._fields),
        filters=[("state", "=", ImageState.KEPT.value)],
    )
    rows = cast("list[dict[str, str]]", table.to_pylist())
    return sorted(_kept(**row) for row in rows)


def _kept(*, split: str, **columns: str) -> Kept:
    return Kept(**columns, split=Split(split))


def of_split(kept: list[Kept], *splits: Split) -> list[Kept]:
    """Those of some splits, in their order."""
    return [one for one in kept if one.split in splits]
