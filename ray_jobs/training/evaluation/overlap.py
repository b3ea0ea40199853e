"""Which test images a model has learnt from, or may have: none of them may judge it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

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


class Learnt(NamedTuple):
    """A data set version that a model has learnt from.

    `images` are its training and validation images, to be gone through once; `apart` the sha256 of
    its test images: its ingest has compared those with `images` already.
    """

    images: Iterable[Kept]
    apart: frozenset[str]


def overlaps(test: Sequence[Kept], versions: Iterable[Learnt]) -> list[Overlap | None]:
    """For each test image, why it may not judge; None where it may.

    It is the same as one that was learnt from where bytes or pixels are; it is near where their
    perceptual hashes are, or a data set version has put both into one group.

    Args:
      test: images of a test split.
      versions: what the models have learnt from.
    """
    ours = {content for one in test for content in (one.sha256, one.pixel_sha256)}
    our_groups = {one.group for one in test}
    contents, groups, near = set[str](), set[str](), set[str]()
    for learnt in versions:
        hashes = bytearray()
        for one in learnt.images:
            contents |= ours & {one.sha256, one.pixel_sha256}
            groups |= our_groups & {one.group}
            hashes += bytes.fromhex(one.phash)
        near |= _near([one for one in test if one.sha256 not in learnt.apart], hashes)

    def why(one: Kept) -> Overlap | None:
        if one.sha256 in contents or one.pixel_sha256 in contents:
            return Overlap.SAME
        return Overlap.NEAR if one.sha256 in near or one.group in groups else None

    return [why(one) for one in test]


def _near(test: Sequence[Kept], hashes: bytearray) -> set[str]:
    """The sha256 of those whose perceptual hash is near one of the hashes."""
    learnt = np.unique(_rows(hashes), axis=0)
    own = _rows(bytes.fromhex("".join(one.phash for one in test)))
    found = near_any(own, learnt, NEAR_BITS).tolist()
    return {one.sha256 for one, is_near in zip(test, found, strict=True) if is_near}


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


def _rows(hashes: bytes | bytearray) -> Hashes:
    """Perceptual hashes, one after the other, as uint64 [N, 4]."""
    return np.frombuffer(hashes, np.uint64).reshape(-1, _WORDS)
