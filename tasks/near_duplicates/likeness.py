"""Which perceptual hashes look alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import NEAR_BITS
from tasks.near_duplicates.near import near_pairs, pack, parted

_NONE = np.empty(0, np.int64)


def alike_pairs(hashes: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs that look alike, i < j, but for those whose group was parted: int64 [pairs] each.

    Args:
      hashes: of `perceptual_hash`, sorted, each once.
    """
    rows = pack(hashes)
    chunks = list(near_pairs(rows, NEAR_BITS))
    group = parted(len(rows), chunks, NEAR_BITS)
    first, second = [_NONE], [_NONE]
    for pairs in chunks:
        together = group[pairs.first] == group[pairs.second]
        first.append(pairs.first[together])
        second.append(pairs.second[together])
    return np.concatenate(first), np.concatenate(second)
