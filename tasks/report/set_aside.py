"""The files of a data set version that are not kept, by state and reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ray_jobs.contract.dataset import ImageState
from tasks.entries import Entry

_BY_STATE = {
    ImageState.DUPLICATE: "shows what another file shows",
    ImageState.CONFLICT: "stands under several labels",
}


class Aside(NamedTuple):
    """Files of one state and reason, and the first of them as an example."""

    state: ImageState
    reason: str
    files: int
    example: str


def set_aside(entries: Iterable[Entry]) -> list[Aside]:
    """Duplicates, conflicts, then quarantined files, the most frequent reason first."""
    found: defaultdict[tuple[ImageState, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.state is not ImageState.KEPT:
            found[entry.state, _reason(entry)].append(entry)
    asides = [
        Aside(state, reason, len(files), _example(files[0]))
        for (state, reason), files in found.items()
    ]
    order = list(ImageState)
    return sorted(asides, key=lambda one: (order.index(one.state), -one.files, one.reason))


def _reason(entry: Entry) -> str:
    # What differs from file to file (a size, say) follows a colon.
    known = _BY_STATE.get(entry.state)
    return known or (entry.reason or "no reason was kept").partition(":")[0]


def _example(entry: Entry) -> str:
    kept = f" (kept: {entry.duplicate_of})" if entry.duplicate_of else ""
    return entry.path + kept
