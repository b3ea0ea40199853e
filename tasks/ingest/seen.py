"""What earlier ingests saw of a source, so that an unchanged file is not read again.

A memory, not a truth: it may be lost or stale, and then files are read. Its rows are keyed by path
and stamp; what they tell follows from the bytes and the name alone, never from the label. It is
kept while the ingest goes on, so that one that died goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from operator import attrgetter

import PIL

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.storage import Store
from tasks.dataset.entries import COLUMNS, Entry
from tasks.dataset.tables import Row, from_parquet, to_parquet
from tasks.sources.base import SourceImage

# Raised with any change of what is found in a file's bytes.
_INSPECTION = 1
_ROWS = 2_500  # a part: what is held at once, and what is lost where an ingest dies
_FACTS = (
    *("reason", "sha256", "pixel_sha256", "phash"),
    *("width", "height", "size_bytes", "notes"),
)
_COLUMNS = {"stamp": "string"} | {name: COLUMNS[name] for name in ("path", "state", *_FACTS)}
_facts_of = attrgetter("path", "state", *_FACTS)


class Memory:
    """What was seen of one source; asked and told of its files in the order of their paths."""

    def __init__(self, store: Store, dataset: str, source_uri: str, ingest_id: str) -> None:
        """Remember for `ingest_id` from now on.

        Args:
          store: where the memory lies.
          dataset: name of the data set.
          source_uri: the source.
          ingest_id: names this ingest; what others left is read, and forgotten at the end.
        """
        self._store = store
        named = f"{_INSPECTION}:{PIL.__version__}:{source_uri}"
        self._prefix = keys.seen(dataset, hashlib.sha256(named.encode()).hexdigest()[:16])
        self._own = f"{self._prefix}{ingest_id}/"
        self._left = sorted(store.keys(self._prefix))
        ingests = sorted({key.rpartition("/")[0] for key in self._left})
        self._trails = [_Trail(self._rows_of(f"{ingest}/")) for ingest in ingests]
        self._parts: list[str] = []
        self._new: list[Row] = []

    def recall(self, image: SourceImage, stamp: str | None) -> Entry | None:
        """The entry of an unchanged file, as of today's label; None where it must be read."""
        if stamp is None:
            return None
        for trail in self._trails:
            if row := trail.at(image.path, stamp):
                return _entry(image, row)
        return None

    def add(self, stamp: str | None, entry: Entry) -> None:
        """Remember a file that was read, or recalled; its original lies in the store."""
        if stamp is not None:
            self._new.append((stamp, *_facts_of(entry)))
        if len(self._new) >= _ROWS:
            self._write()

    def close(self) -> None:
        """Keep the rest, and forget what is not of this ingest."""
        self._write()
        self._store.delete(key for key in self._left if key not in self._parts)

    def _write(self) -> None:
        if not self._new:
            return
        key = f"{self._own}{len(self._parts):06d}.parquet"
        self._store.put(key, to_parquet(self._new, _COLUMNS))
        self._parts.append(key)
        self._new.clear()

    def _rows_of(self, prefix: str) -> Iterator[Row]:
        for key in self._left:
            if key.startswith(prefix):
                found = self._store.get_tagged(key)
                if found is not None:  # another ingest of this source has ended, and forgot it
                    yield from from_parquet(found.data, _COLUMNS)


class _Trail:
    """The rows of one ingest, followed in step with the source: one is held at a time."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._here = next(rows, None)

    def at(self, path: str, stamp: str) -> Row | None:
        while self._here is not None and self._here[1] < path:
            self._here = next(self._rows, None)
        row = self._here
        return row if row and row[:2] == (stamp, path) else None


def _entry(image: SourceImage, row: Row) -> Entry:
    _, path, state, *facts = row
    told = dict(zip(_FACTS, facts, strict=True))
    return Entry(path, image.label, ImageState(state), pinned=image.pinned, **told)


def contents_seen(part: bytes) -> Iterator[str]:
    """sha256 of every file in a part of a memory that could be read."""
    return (sha256 for (sha256,) in from_parquet(part, ("sha256",)) if sha256)
