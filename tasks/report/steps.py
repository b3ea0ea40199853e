"""The steps of a training, as its curves want them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

T = TypeVar("T")

MOST_POINTS = 400
_WINDOWS = 20
_LEAST_WINDOW = 5


class Step(NamedTuple):
    """One training step; loss and accuracy are means over its images alone."""

    step: int
    learning_rate: float
    loss: float
    accuracy: float


def read_steps(data: bytes) -> list[Step]:
    """The steps of `steps.csv` in order; one that was trained twice as it was the last time."""
    rows = csv.DictReader(io.StringIO(data.decode()))
    last = {
        int(row["step"]): Step(
            int(row["step"]),
            float(row["learning_rate"]),
            float(row["loss"]),
            float(row["accuracy"]),
        )
        for row in rows
    }
    return [last[step] for step in sorted(last)]


def window_of(count: int) -> int:
    """How many of so many steps a smoothed one is the mean of: a twentieth, odd, at least 5.

    >>> [window_of(count) for count in (3, 60, 1000)]
    [5, 5, 51]
    """
    return max(_LEAST_WINDOW, count // _WINDOWS | 1)


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The mean of the `window` (odd) values around each; at the ends, of those that are there.

    >>> smoothed([1, 2, 6, 4], window=3)
    [1.5, 3.0, 4.0, 5.0]
    """
    reach, count = window // 2, len(values)
    # A window is a twentieth of a run: to add up each one would take the square of its steps.
    sums = list(accumulate(values, initial=0.0))
    around = ((max(0, at - reach), min(count, at + reach + 1)) for at in range(count))
    return [(sums[end] - sums[start]) / (end - start) for start, end in around]


def thinned(values: Sequence[T], most: int = MOST_POINTS) -> list[T]:
    """At most so many of the values, evenly far apart, the last one among them.

    >>> thinned(range(10), most=4)
    [0, 3, 6, 9]
    """
    apart = -(-len(values) // most) or 1
    return list(values[(len(values) - 1) % apart :: apart])
