"""What earlier ingests saw of a source, so that an unchanged file is not read again.

A memory, not a truth: it may be lost or stale, and then files are read. Its rows are keyed by path
and stamp; what they tell follows from the bytes and the name alone, never from the label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import PIL

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.storage import Store
from tasks.entries import Entry
from tasks.sources.base import SourceImage
from tasks.tables import from_parquet, to_parquet

# Raised with any change of what is found in a file's bytes.
_INSPECTION = 1
_FACTS = {
    "reason": "string",
    "sha256": "string",
    "pixel_sha256": "string",
    "phash": "string",
    "width": "int32",
    "height": "int32",
    "size_bytes": "int64",
    "notes": "string",
}
_COLUMNS = {"path": "string", "stamp": "string", "state": "string", **_FACTS}


class Sight(NamedTuple):
    """A file that was read: under which stamp, and what became of it."""

    stamp: str
    entry: Entry


class Seen:
    """What was seen of one source; asked for its files in the order of their paths."""

    def __init__(self, data: bytes | None = None) -> None:
        self._rows = iter(()) if data is None else from_parquet(data, _COLUMNS)
        self._next = next(self._rows, None)

    def find(self, image: SourceImage) -> Entry | None:
        """The entry of an unchanged file, under the label it has now; None where it must be read."""
        while self._next is not None and self._next["path"] < image.path:
            self._next = next(self._rows, None)
        row = self._next
        if row is None or (row["path"], row["stamp"]) != (image.path, image.stamp):
            return None
        facts = {name: row[name] for name in _FACTS}
        state = ImageState(row["state"])
        return Entry(image.path, image.label, state, pinned=image.pinned, **facts)


def read_seen(store: Store, dataset: str, source_uri: str) -> Seen:
    """What is remembered of a source; nothing, where it is new."""
    found = store.get_tagged(_key(dataset, source_uri))
    return Seen(None if found is None else found.data)


def write_seen(store: Store, dataset: str, source_uri: str, sights: Iterable[Sight]) -> None:
    """Remember a source, over what was remembered; of two ingests the last one stays.

    Args:
      store: where the memory lies.
      dataset: name of the data set.
      source_uri: the source.
      sights: sorted by path. The originals of those kept lie in the store.
    """
    store.put(_key(dataset, source_uri), to_parquet(map(_row, sights), _COLUMNS))


def contents_seen(memory: bytes) -> Iterator[str]:
    """sha256 of every file in a memory that could be read."""
    rows = from_parquet(memory, {"sha256": "string"})
    return (row["sha256"] for row in rows if row["sha256"])


def _row(sight: Sight) -> dict[str, Any]:
    entry = sight.entry
    facts = {name: getattr(entry, name) for name in _FACTS}
    return {"path": entry.path, "stamp": sight.stamp, "state": entry.state.value, **facts}


def _key(dataset: str, source_uri: str) -> str:
    named = f"{_INSPECTION}:{PIL.__version__}:{source_uri}"
    return keys.seen(dataset, hashlib.sha256(named.encode()).hexdigest()[:16])
