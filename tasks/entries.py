"""The table of entries, Parquet: a row an image file, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ray_jobs.contract.dataset import ImageState, Split
from tasks.tables import from_parquet, to_parquet

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


@dataclass(frozen=True, slots=True)
class Content:
    """What identifies one picture: its bytes, its pixels, its looks."""

    sha256: str
    pixel_sha256: str
    phash: str


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
      notes: what was put right or found wrong, as codes of `tasks.rejection`, sorted, with commas.
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
    def content(self) -> Content:
        """What identifies the picture.

        Raises:
          ValueError: it was not decoded (our fault: only what is kept is asked).
        """
        if self.sha256 is None or self.pixel_sha256 is None or self.phash is None:
            raise ValueError(f"{self.path} was not decoded")
        return Content(self.sha256, self.pixel_sha256, self.phash)


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """The table as Parquet, sorted by path: the same entries give the same bytes."""
    in_order = sorted(entries, key=lambda entry: entry.path)
    row_of = attrgetter(*COLUMNS)  # `asdict` copies each value, and takes ten times as long
    rows = (dict(zip(COLUMNS, row_of(entry), strict=True)) for entry in in_order)
    return to_parquet(rows, COLUMNS)


def decode_entries(data: bytes) -> list[Entry]:
    """The entries of a table, sorted by path."""
    return [_entry(row) for row in from_parquet(data, COLUMNS)]


def per_state(entries: Iterable[Entry]) -> dict[str, int]:
    """Image files a state."""
    counts = Counter(entry.state for entry in entries)
    return {state.value: counts[state] for state in ImageState}


def per_split(entries: Iterable[Entry]) -> dict[str, int]:
    """Kept images a split."""
    counts = Counter(entry.split for entry in entries)
    return {split.value: counts[split] for split in Split}


def per_check(entries: Iterable[Entry]) -> dict[str, int]:
    """Image files a note, sorted by name; only what occurred."""
    counts = Counter(note for e in entries if e.notes for note in e.notes.split(","))
    return dict(sorted(counts.items()))


def _entry(row: dict[str, Any]) -> Entry:
    row["state"] = ImageState(row["state"])
    for column in ("split", "pinned"):
        row[column] = None if row[column] is None else Split(row[column])
    return Entry(**row)
