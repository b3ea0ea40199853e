"""The table of entries, Parquet: a row an image file, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from ray_jobs.contract.dataset import ImageState, Split
from tasks.dataset.tables import Row, from_parquet, to_parquet
from tasks.ingest.workbook import Workbook

COLUMNS = {
    "path": "string",
    "label": "string",
    "state": "string",
    "reason": "string",
    "duplicate_of": "string",
    "split": "string",
    "group": "string",
    "shard": "string",
    "sha256": "string",
    "pixel_sha256": "string",
    "phash": "string",
    "width": "int32",
    "height": "int32",
    "size_bytes": "int64",
    "notes": "string",
    "pinned": "string",
}


class Photo(NamedTuple):
    """A photo of a source that was checked; `path` is relative, as in its entry."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file of a source.

    Attributes:
      path: relative POSIX path within the source.
      label: name of its class; empty where it has none.
      state: the one state that it is in; before the last step has spoken, `KEPT` means "so far".
      reason: why it is quarantined or in conflict.
      duplicate_of: path of the file that is kept instead.
      split, group, shard: only of what is kept; `group` is the smallest sha256 of the contents
        that share a split, `shard` the key of the shard.
      sha256: of the file's bytes; None where they could not be read.
      pixel_sha256: of the upright RGB pixels.
      phash: perceptual hash, 64 hex digits.
      width, height: upright, in pixels.
      size_bytes: of the file.
      notes: what was put right or found wrong, as codes of `tasks.photos.rejection`, sorted, with
        commas.
      pinned: the split that its source gives it, where that is honoured.
    """

    path: str
    label: str
    state: ImageState
    reason: str | None = None
    duplicate_of: str | None = None
    split: Split | None = None
    group: str | None = None
    shard: str | None = None
    sha256: str | None = None
    pixel_sha256: str | None = None
    phash: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    notes: str | None = None
    pinned: Split | None = None

    @property
    def photo(self) -> Photo:
        """Where its bytes are to be found.

        Raises:
          ValueError: it was not read (our fault: only what is kept is asked).
        """
        if self.sha256 is None or self.size_bytes is None:
            raise ValueError(f"{self.path} was not read")
        return Photo(self.path, self.sha256, self.size_bytes)


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """The table as Parquet; the entries are taken a few at a time.

    Args:
      entries: sorted by path, so that the same entries give the same bytes.

    Raises:
      ValueError: they are not (our fault).
    """
    return to_parquet(map(attrgetter(*COLUMNS), _in_order(entries)), COLUMNS)


def decode_entries(data: bytes) -> list[Entry]:
    """The entries of a table, sorted by path."""
    return list(iter_entries(data))


def iter_entries(data: bytes) -> Iterator[Entry]:
    """The same, a few rows at a time."""
    return map(_entry, from_parquet(data, COLUMNS))


def open_entries(data: bytes) -> Workbook:
    """A workbook with the entries of a table."""
    book = Workbook()
    book.fill("entry", COLUMNS, from_parquet(data, COLUMNS))
    return book


def close_entries(book: Workbook) -> bytes:
    """The table of the entries of a workbook."""
    return to_parquet(book.rows("entry", COLUMNS, order="path"), COLUMNS)


def _in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    before = None
    for entry in entries:
        if before is not None and entry.path <= before:
            raise ValueError(f"{entry.path} comes after {before}")
        before = entry.path
        yield entry


def _entry(row: Row) -> Entry:
    values = dict(zip(COLUMNS, row, strict=True))
    values["state"] = ImageState(values["state"])
    for column in ("split", "pinned"):
        values[column] = values[column] and Split(values[column])
    return Entry(**values)
