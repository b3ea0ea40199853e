"""Which perceptual hashes look alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tasks.near import distinct, near_pairs, pack, parted
from tasks.phash import NEAR_BITS

_NONE = np.empty(0, np.int64)


def alike_pairs(hashes: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs that look alike, i < j, but for those whose group was parted: int64 [pairs] each.

    Args:
      hashes: of `perceptual_hash`, each once.
    """
    rows, number = distinct(pack(hashes))
    chunks = list(near_pairs(rows, NEAR_BITS))
    place, group = np.argsort(number), parted(len(rows), chunks, NEAR_BITS)
    first, second = [_NONE], [_NONE]
    for pairs in chunks:
        together = group[pairs.first] == group[pairs.second]
        first.append(place[pairs.first[together]])
        second.append(place[pairs.second[together]])
    one, other = np.concatenate(first), np.concatenate(second)
    return np.minimum(one, other), np.maximum(one, other)
