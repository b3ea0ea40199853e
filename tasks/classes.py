"""Which classes of a source are large enough to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from tasks.entries import Entry

MIN_GROUPS = 3  # one a split
MIN_CLASSES = 2
_SMALL = f"class has fewer than {MIN_GROUPS} different pictures"


def kept_per_class(entries: Iterable[Entry]) -> dict[str, int]:
    """Images kept of every class that the source names, sorted by name; 0 where none is."""
    counts = Counter({entry.label: 0 for entry in entries if entry.label})
    counts.update(entry.label for entry in entries if entry.state is ImageState.KEPT)
    return dict(sorted(counts.items()))


def set_aside_small(
    entries: Sequence[Entry], group_of: Mapping[str, str], *, strict: bool
) -> tuple[list[Entry], list[str]]:
    """The entries with those of small classes quarantined, and a warning a class.

    Args:
      entries: after `dedupe`, so that what is kept is different.
      group_of: sha256 -> the group of pictures that look alike.
      strict: refuse small classes instead.

    Raises:
      DataError: a class is small (if strict), or fewer than two classes are left.
    """
    counts = _groups_per_class(entries, group_of)
    small = {label for label, count in counts.items() if count < MIN_GROUPS}
    if small and strict:
        raise _too_small(min(small), counts[min(small)])
    if len(counts) - len(small) < MIN_CLASSES:
        raise _too_few(sorted(counts.keys() - small), counts)
    warnings = [
        f"class '{label}' is set aside: {counts[label]} different pictures, fewer than {MIN_GROUPS}"
        for label in sorted(small)
    ]
    return [_quarantined(entry) if entry.label in small else entry for entry in entries], warnings


def _groups_per_class(entries: Sequence[Entry], group_of: Mapping[str, str]) -> dict[str, int]:
    groups: dict[str, set[str]] = {entry.label: set() for entry in entries if entry.label}
    for entry in entries:
        if entry.state is ImageState.KEPT:
            groups[entry.label].add(group_of[entry.content.sha256])
    return {label: len(found) for label, found in sorted(groups.items())}


def _quarantined(entry: Entry) -> Entry:
    if entry.state is not ImageState.KEPT:
        return entry
    return replace(entry, state=ImageState.QUARANTINED, reason=_SMALL)


def _too_small(label: str, count: int) -> DataError:
    return DataError(
        f"class '{label}' has {count} different pictures",
        f"at least {MIN_GROUPS} of every class, one a split",
        "Add pictures of it, or ingest without strict to set the class aside",
    )


def _too_few(left: list[str], counts: dict[str, int]) -> DataError:
    found = ", ".join(f"{label} {count}" for label, count in counts.items())
    return DataError(
        f"{len(left)} class{'' if len(left) == 1 else 'es'} can be learnt "
        f"(different pictures a class: {found})"[:400],
        f"at least {MIN_CLASSES} classes of at least {MIN_GROUPS} different pictures",
        "Put the photos of each class in a sub-folder of its own, and add what is missing",
    )
