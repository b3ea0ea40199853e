"""What was found of the files of a source, and when it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from tasks.entries import Entry
from tasks.rejection import Rejected, Rejection

MAX_UNREADABLE_PERCENT = 5
_CONVERTIBLE = (".heic", ".heif", ".avif")


class Checked(NamedTuple):
    """A file's row, and why it was turned away, if it was."""

    entry: Entry
    rejected: Rejected | None


def unreadable(checked: Sequence[Checked]) -> list[Checked]:
    """Those that count as bad files."""
    return [one for one in checked if one.rejected and one.rejected.reason.is_unreadable]


def refuse_if_mostly_broken(checked: Sequence[Checked]) -> None:
    """Raise DataError where more than 5% of what may be photos are unreadable."""
    photos = [one for one in checked if not _is_other_kind(one)]
    bad = unreadable(photos)
    if len(bad) * 100 <= MAX_UNREADABLE_PERCENT * len(photos):
        return
    named = "; ".join(f"{one.entry.path} {one.rejected}" for one in bad[:3])
    is_convertible = any(one.entry.path.lower().endswith(_CONVERTIBLE) for one in bad)
    convert = "Convert HEIC and AVIF to JPEG, repair" if is_convertible else "Repair"
    raise DataError(
        f"{len(bad)} of {len(photos)} files are unreadable ({named}{'; ...' if bad[3:] else ''})",
        f"at most {MAX_UNREADABLE_PERCENT}% that are no images or broken ones",
        f"{convert} or remove them, then ingest again",
    )


def _is_other_kind(one: Checked) -> bool:
    return one.rejected is not None and one.rejected.reason is Rejection.OTHER_KIND


def refuse_if_nothing_is_left(checked: Sequence[Checked]) -> None:
    """Raise DataError where no file is a photo with a class."""
    if any(one.rejected is None for one in checked):
        return
    first: dict[Rejection, str] = {}
    count: Counter[Rejection] = Counter()
    for one in checked:
        if one.rejected:
            count[one.rejected.reason] += 1
            first.setdefault(one.rejected.reason, f"{one.entry.path} {one.rejected}")
    told = "; ".join(f"{first[why]}{_and_more(times)}" for why, times in count.most_common(3))
    raise DataError(
        f"none of {len(checked)} files is a photo with a class ({told})",
        "photos, each with its class",
        "Look at the labels and the files, then ingest again",
    )


def _and_more(times: int) -> str:
    return f", and {times - 1} more like it" if times > 1 else ""
