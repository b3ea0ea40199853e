"""Which perceptual hashes look alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.near import Pairs, distinct, near_pairs, pack

WITHIN = 6


def alike_pairs(hashes: Sequence[str]) -> Pairs:
    """The pairs that look alike, i < j: int64 [pairs] each.

    Args:
      hashes: of `perceptual_hash`, each once.
    """
    rows, number = distinct(pack(hashes))
    place = np.argsort(number)
    chunks = [(place[first], place[second]) for first, second in near_pairs(rows, WITHIN)]
    first = np.concatenate([np.empty(0, np.int64), *(first for first, _ in chunks)])
    second = np.concatenate([np.empty(0, np.int64), *(second for _, second in chunks)])
    return np.minimum(first, second), np.maximum(first, second)
