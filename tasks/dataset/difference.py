"""What differs between two versions. Pure.

A picture is known by the bytes of its file; a file that could not be read, by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ray_jobs.contract.dataset import DatasetManifest, ImageState
from tasks.dataset.entries import Entry

Row = dict[str, str | None]
Both = tuple[Entry, Entry]
# Of several files with the same bytes, the one that says most stands for them.
_RANK = {state: rank for rank, state in enumerate(ImageState)}


def difference(
    before: DatasetManifest,
    after: DatasetManifest,
    entries_before: Iterable[Entry],
    entries_after: Iterable[Entry],
) -> dict[str, Any]:
    """All that `sortline dataset diff` tells: lists of pictures, complete, each sorted by path.

    `moved` holds what is kept in both and changed its split: nothing, within one data set.
    `relabelled` leaves out what is in conflict on either side, for it has no one label.
    """
    old, new = by_content(entries_before), by_content(entries_after)
    both = [(old[content], one) for content, one in new.items() if content in old]
    return {
        "before": _named(before),
        "after": _named(after),
        "added": _sorted(_row(one) for content, one in new.items() if content not in old),
        "removed": _sorted(_row(one) for content, one in old.items() if content not in new),
        "relabelled": _sorted(_changes(filter(_labelled, both), lambda one: one.label)),
        "moved": _sorted(_changes(filter(_kept, both), lambda one: one.split)),
        "state": _sorted(_changes(both, lambda one: one.state)),
        "renamed": _sorted(_changes(filter(_kept, both), lambda one: one.path)),
        "classes_added": sorted(set(after.classes) - set(before.classes)),
        "classes_removed": sorted(set(before.classes) - set(after.classes)),
    }


def by_content(entries: Iterable[Entry]) -> dict[str, Entry]:
    """sha256 (or path, where there is none) -> the file that stands for this content."""
    found: dict[str, Entry] = {}
    for one in sorted(entries, key=lambda entry: (_RANK[entry.state], entry.path)):
        found.setdefault(one.sha256 or f"path:{one.path}", one)
    return found


def _named(manifest: DatasetManifest) -> dict[str, Any]:
    return {
        "dataset": manifest.dataset,
        "version": manifest.version,
        "images": manifest.images.model_dump(mode="json"),
        "classes": len(manifest.classes),
    }


def _changes(both: Iterable[Both], fact: Callable[[Entry], str | None]) -> Iterator[Row]:
    for old, new in both:
        if fact(old) != fact(new):
            yield {"path": new.path, "from": fact(old), "to": fact(new)}


def _row(entry: Entry) -> Row:
    return {"path": entry.path, "label": entry.label, "state": entry.state, "split": entry.split}


def _kept(both: Both) -> bool:
    return all(one.state is ImageState.KEPT for one in both)


def _labelled(both: Both) -> bool:
    return all(one.state is not ImageState.CONFLICT for one in both)


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["path"] or "")
