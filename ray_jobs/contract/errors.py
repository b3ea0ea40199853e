"""The kinds of error that Sortline raises on purpose, and who can fix each.

```
SortlineError            exit code 1   our fault, or one that nobody foresaw
├── UserError            exit code 2   the caller can fix it; never retried
│   ├── SpecError                      a parameter, a recipe, a key
│   ├── DataError                      the photos, their labels, a manifest
│   └── CredentialError                a key, a token or a password is refused
└── ClusterError         exit code 3   a part is down, not reachable, or full; retried
    └── CapacityError    exit code 2   the cluster can never give what was asked; not retried
```

A message carries three parts: the fact, what was expected, and the remedy.

A leaf that callers tell apart stands beside what raises it, and travels as its nearest kind:
`MissingObjectError` (`ray_jobs/storage/store.py`), `LostRaceError` (`tasks/judging/champion.py`),
`FormatError`, `NotServedError` (`ray_jobs/training/export`), `ElsewhereError`
(`ray_jobs/training/failures.py`). The Ray operator, which can be lifted out, has a tree of its own
(`tasks/operators/errors.py`).
"""

from __future__ import annotations

import difflib
import errno
import json
from collections.abc import Iterable
from typing import ClassVar

WIRE_PREFIX = "sortline.error "


class SortlineError(Exception):
    """Base of the tree; carries the fact, the expectation and the remedy.

    >>> print(SpecError("epochs is 0", "a whole number from 1 to 1000", "Pass --set epochs=10"))
    epochs is 0; expected a whole number from 1 to 1000. Pass --set epochs=10.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, fact: str, expectation: str, remedy: str) -> None:
        # Exceptions cross processes: the facts are the arguments, so that unpickling works.
        super().__init__(fact, expectation, remedy)
        self.fact = fact
        self.expectation = expectation
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.fact}; expected {self.expectation}. {self.remedy.rstrip('.')}."

    def to_wire(self) -> str:
        """One line that another process turns back into this error with `from_wire`."""
        # A leaf that the other side may not know travels as the nearest kind that it does.
        kind = next(one.__name__ for one in type(self).__mro__ if one.__name__ in _TYPES)
        parts = {"type": kind, "fact": self.fact}
        parts |= {"expectation": self.expectation, "remedy": self.remedy}
        return WIRE_PREFIX + json.dumps(parts, ensure_ascii=False)


class UserError(SortlineError):
    """The caller can fix it."""

    exit_code = 2


class SpecError(UserError):
    """A parameter, a recipe or one of its keys is wrong."""


class DataError(UserError):
    """The photos, their labels or a manifest are wrong."""


class CredentialError(UserError):
    """A key, a token or a password is refused."""


class ClusterError(SortlineError):
    """A part of the platform is down, not reachable, or full."""

    exit_code = 3
    retryable = True


class CapacityError(ClusterError):
    """The cluster can never give what was asked for."""

    exit_code = 2
    retryable = False


_TYPES: dict[str, type[SortlineError]] = {
    kind.__name__: kind
    for kind in (
        SortlineError,
        UserError,
        SpecError,
        DataError,
        CredentialError,
        ClusterError,
        CapacityError,
    )
}


def disk_full(error: BaseException) -> ClusterError | None:
    """The error to tell where the disk or a quota is full, or None where that is not it."""
    if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return None
    return ClusterError(
        f"no space is left on the disk: {error}", "free disk space", "Free some, then run again"
    )


def from_wire(text: str) -> SortlineError | None:
    """The last error that `to_wire` wrote into `text` (a log, say), or None."""
    for line in reversed(text.splitlines()):
        _, found, payload = line.partition(WIRE_PREFIX)
        if found:
            try:
                parts = json.loads(payload)
                return _TYPES[parts["type"]](parts["fact"], parts["expectation"], parts["remedy"])
            except (ValueError, KeyError):
                continue  # A line cut in the middle: an earlier whole one may follow.
    return None


def closest(word: str, known: Iterable[str]) -> str:
    """A hint that names the close match of `word`, or else all the known words.

    >>> closest("lite0_prob", ["lite0_probe", "b0_scratch"])
    "Did you mean 'lite0_probe'?"
    >>> closest("zzz", ["b", "a"])
    'Known: a, b'
    """
    names = sorted(known)
    matches = difflib.get_close_matches(word, names, n=1)
    return f"Did you mean '{matches[0]}'?" if matches else f"Known: {', '.join(names)}"
