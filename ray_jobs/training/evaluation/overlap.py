"""Which test images a model has learnt from, or may have: none of them may judge it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import NEAR_BITS
from ray_jobs.training.evaluation.entries import Kept

Hashes = NDArray[np.uint64]

_WORDS = 4  # of 64 bits, a hash
_PAIRS_AT_ONCE = 2**22


class Overlap(StrEnum):
    """Why a test image is left out."""

    SAME = "same"
    NEAR = "near"


def overlaps(test: Sequence[Kept], learnt: Sequence[Kept]) -> list[Overlap | None]:
    """For each test image, why it may not judge; None where it may.

    It is the same as one that was learnt from where bytes or pixels are; it is near where their
    perceptual hashes are, or a data set version has put both into one group.

    Args:
      test: images of a test split.
      learnt: the training and validation images of the models, of their own versions.
    """
    contents = {one.sha256 for one in learnt} | {one.pixel_sha256 for one in learnt}
    groups = {one.group for one in learnt}
    near = near_any(_hashes(test), np.unique(_hashes(learnt), axis=0), NEAR_BITS).tolist()
    found = list[Overlap | None]()
    for one, is_near in zip(test, near, strict=True):
        if one.sha256 in contents or one.pixel_sha256 in contents:
            found.append(Overlap.SAME)
        else:
            found.append(Overlap.NEAR if is_near or one.group in groups else None)
    return found


def near_any(hashes: Hashes, others: Hashes, within: int) -> NDArray[np.bool_]:
    """Whether any of the others is near, looked up pair by pair: bool [n].

    Args:
      hashes: uint64 [n, words].
      others: uint64 [m, words].
      within: bits in which a near pair differs at most.
    """
    found = np.zeros(len(hashes), np.bool_)
    at_once = max(1, _PAIRS_AT_ONCE // max(1, len(others)))
    for start in range(0, len(hashes), at_once):
        rows = slice(start, start + at_once)
        bits = np.zeros((len(hashes[rows]), len(others)), np.uint16)
        for one, other in zip(hashes[rows].T, others.T, strict=True):
            bits += np.bitwise_count(one[:, np.newaxis] ^ other)
        found[rows] = (bits <= within).any(axis=1)
    return found


def _hashes(images: Sequence[Kept]) -> Hashes:
    """Their perceptual hashes, uint64 [N, 4]."""
    digits = "".join(one.phash for one in images)
    return np.frombuffer(bytes.fromhex(digits), np.uint64).reshape(-1, _WORDS)
