"""Likenesses that a test can think through, in place of the perceptual hash's own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def nothing_alike(hashes: Iterable[str]):
    return np.empty(0, np.int64), np.empty(0, np.int64)


def neighbours(hashes: Iterable[str]):
    """Alike are hashes that differ by 1 at most, as numbers on a line."""
    places = [int(one, 16) for one in hashes]
    pairs = [
        (i, j) for j in range(len(places)) for i in range(j) if abs(places[i] - places[j]) <= 1
    ]
    return tuple(np.array(pairs, np.int64).reshape(-1, 2).T)
