"""The same picture twice: one is kept; under two labels, none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ray_jobs.contract.dataset import ImageState
from tasks.entries import Entry


def dedupe(entries: Sequence[Entry]) -> list[Entry]:
    """The entries in their order, those that show the same pixels as another one set apart.

    Equal bytes have equal pixels, so pixels decide. Of one label, the smallest path is kept and
    the others name it; of several labels, every one is a conflict, since none can be trusted.

    Args:
      entries: those in state `KEPT` are compared; the others pass.
    """
    alike: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.state is ImageState.KEPT:
            alike[entry.pixel_sha256].append(entry)
    judged = {entry.path: entry for group in alike.values() for entry in _judge(group)}
    return [judged.get(entry.path, entry) for entry in entries]


def _judge(alike: list[Entry]) -> list[Entry]:
    labels = sorted({entry.label for entry in alike})
    if len(labels) > 1:
        reason = f"the same picture as {' and '.join(repr(label) for label in labels)}"
        return [replace(entry, state=ImageState.CONFLICT, reason=reason) for entry in alike]
    kept = min(entry.path for entry in alike)
    return [entry if entry.path == kept else _duplicate(entry, kept) for entry in alike]


def _duplicate(entry: Entry, kept: str) -> Entry:
    return replace(entry, state=ImageState.DUPLICATE, duplicate_of=kept)
