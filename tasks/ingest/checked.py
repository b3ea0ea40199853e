"""What was found of the files of a source, counted as they pass, and when it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from tasks.dataset.entries import Entry
from tasks.photos.rejection import Rejected, Rejection

MAX_UNREADABLE_PERCENT = 5
MOST_TOLD = 50
_NAMED = 3
_CONVERTIBLE = (".heic", ".heif", ".avif")


class Checked(NamedTuple):
    """A file's row, and why it was turned away, if it was."""

    entry: Entry
    rejected: Rejected | None


class Found:
    """How many files are what; of those that are turned away, the first ones by name.

    Attributes:
      files: all.
      told: the first of those that are turned away, each with the reason.
    """

    def __init__(self) -> None:
        """Of no file yet."""
        self.files = 0
        self.told: list[str] = []
        self._notes: Counter[str] = Counter()
        self._reasons: Counter[Rejection] = Counter()
        self._first: dict[Rejection, str] = {}
        self._bad: list[str] = []
        self._is_convertible = False

    def counted(self, checked: Iterable[Checked]) -> Iterator[Entry]:
        """The row of each file, counted as it passes."""
        for one in checked:
            self.files += 1
            if one.entry.notes:
                self._notes.update(one.entry.notes.split(","))
            if one.rejected is not None:
                self._turned_away(one.entry.path, one.rejected)
            yield one.entry

    @property
    def rejected(self) -> int:
        """Those that are turned away."""
        return self._reasons.total()

    @property
    def unreadable(self) -> int:
        """Those that count as bad files."""
        return sum(count for why, count in self._reasons.items() if why.is_unreadable)

    @property
    def checks(self) -> dict[str, int]:
        """Files a note, sorted by name; only what occurred."""
        return dict(sorted(self._notes.items()))

    def refuse(self) -> None:
        """Raise DataError where the source is mostly broken, or no file is a photo with a class."""
        self._refuse_mostly_broken()
        if self.rejected < self.files:
            return
        most = self._reasons.most_common(3)
        told = "; ".join(f"{self._first[why]}{_and_more(times)}" for why, times in most)
        raise DataError(
            f"none of {self.files} files is a photo with a class ({told})",
            "photos, each with its class",
            "Look at the labels and the files, then ingest again",
        )

    def _refuse_mostly_broken(self) -> None:
        photos = self.files - self._reasons[Rejection.OTHER_KIND]
        if self.unreadable * 100 <= MAX_UNREADABLE_PERCENT * photos:
            return
        named = "; ".join(self._bad)
        convert = "Convert HEIC and AVIF to JPEG, repair" if self._is_convertible else "Repair"
        more = "; ..." if self.unreadable > len(self._bad) else ""
        raise DataError(
            f"{self.unreadable} of {photos} files are unreadable ({named}{more})",
            f"at most {MAX_UNREADABLE_PERCENT}% that are no images or broken ones",
            f"{convert} or remove them, then ingest again",
        )

    def _turned_away(self, path: str, why: Rejected) -> None:
        told = f"{path} {why}"
        self._reasons[why.reason] += 1
        self._first.setdefault(why.reason, told)
        if len(self.told) < MOST_TOLD:
            self.told.append(told)
        if why.reason.is_unreadable:
            self._is_convertible |= path.lower().endswith(_CONVERTIBLE)
            if len(self._bad) < _NAMED:
                self._bad.append(told)


def _and_more(times: int) -> str:
    return f", and {times - 1} more like it" if times > 1 else ""
