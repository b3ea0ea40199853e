"""The images that a version keeps, as its table of entries has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pyarrow
from pyarrow import compute, parquet

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.storage import Store, fetch

# pyarrow ships no types.
_arrow, _compute, _parquet = cast("Any", pyarrow), cast("Any", compute), cast("Any", parquet)


class Kept(NamedTuple):
    """An image that is kept; the hashes are hex."""

    sha256: str
    pixel_sha256: str
    phash: str
    group: str
    label: str
    split: Split


class Groups(NamedTuple):
    """Groups of near-duplicates: how many there are, and how many of them lie across splits."""

    total: int
    across: int


class Entries:
    """The table of a version; of its rows, those of one row group are held at once."""

    def __init__(self, store: Store, manifest: DatasetManifest) -> None:
        """Open it. Raises DataError where it is not the one of the manifest."""
        self._file = _parquet.ParquetFile(_arrow.BufferReader(fetch(store, manifest.entries)))
        self._is_kept = _compute.field("state") == ImageState.KEPT.value

    def kept(self, *splits: Split) -> Iterator[Kept]:
        """Every image that is kept in some splits, by path."""
        in_splits = _compute.field("split").isin([split.value for split in splits])
        for number in range(self._file.num_row_groups):
            group = self._file.read_row_group(number, columns=[*Kept._fields, "state"])
            rows = group.filter(self._is_kept & in_splits).select(Kept._fields).to_pylist()
            for row in cast("list[dict[str, str]]", rows):
                yield _kept(**row)

    def groups(self) -> Groups:
        """Those of every image that is kept."""
        table = self._file.read(columns=["group", "split", "state"]).filter(self._is_kept)
        splits = table.group_by("group").aggregate([("split", "count_distinct")])
        across = splits.filter(_compute.field("split_count_distinct") > 1)
        return Groups(total=splits.num_rows, across=across.num_rows)


def _kept(*, split: str, **columns: str) -> Kept:
    return Kept(**columns, split=Split(split))
