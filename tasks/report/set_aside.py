"""The files of a data set version that are not kept, by state and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ray_jobs.contract.dataset import ImageState
from tasks.dataset.entries import Entry

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
    """Duplicates, conflicts, then quarantined files, the most frequent reason first.

    Args:
      entries: of a version, sorted by path; none of them is held.
    """
    examples = dict[tuple[ImageState, str], str]()
    files = Counter[tuple[ImageState, str]]()
    for entry in entries:
        if entry.state is not ImageState.KEPT:
            why = entry.state, _reason(entry)
            examples.setdefault(why, _example(entry))
            files[why] += 1
    asides = [Aside(*why, files[why], example) for why, example in examples.items()]
    order = list(ImageState)
    return sorted(asides, key=lambda one: (order.index(one.state), -one.files, one.reason))


def _reason(entry: Entry) -> str:
    # What differs from file to file (a size, say) follows a colon.
    known = _BY_STATE.get(entry.state)
    return known or (entry.reason or "no reason was kept").partition(":")[0]


def _example(entry: Entry) -> str:
    kept = f" (kept: {entry.duplicate_of})" if entry.duplicate_of else ""
    return entry.path + kept
