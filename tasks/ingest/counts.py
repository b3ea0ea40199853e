"""How many image files of a workbook are what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ray_jobs.contract.dataset import ImageState, Split
from tasks.ingest.workbook import Workbook


def per_state(book: Workbook) -> dict[str, int]:
    """Image files a state."""
    counts = _counted(book, "SELECT state, count(*) FROM entry GROUP BY state")
    return {state.value: counts.get(state, 0) for state in ImageState}


def per_split(book: Workbook) -> dict[str, int]:
    """Kept images a split."""
    counts = _counted(book, "SELECT split, count(*) FROM kept GROUP BY split")
    return {split.value: counts.get(split, 0) for split in Split}


def per_class(book: Workbook) -> dict[str, int]:
    """Kept images of every class of which some are kept, sorted by name."""
    return _counted(book, "SELECT label, count(*) FROM kept GROUP BY label ORDER BY label")


def per_split_and_class(book: Workbook) -> dict[tuple[str, str], int]:
    """Kept images of a class in a split."""
    rows = book.all("SELECT split, label, count(*) FROM kept GROUP BY split, label")
    return {(split, label): count for split, label, count in rows}


def per_check(notes: Iterable[str | None]) -> dict[str, int]:
    """Image files a note, sorted by name; only what occurred.

    Args:
      notes: of each entry.
    """
    counts = Counter(note for some in notes if some for note in some.split(","))
    return dict(sorted(counts.items()))


def _counted(book: Workbook, sql: str) -> dict[Any, int]:
    return {name: count for name, count in book.all(sql)}
