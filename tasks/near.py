"""Which hashes differ in few bits, without looking at all pairs.

Multi-index hashing after Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with
multi-index hashing", as a self-join. The bits are dealt out to `within // 2 + 1` bands, so two
hashes that differ in at most `within` bits differ in at most one bit of some band. Each bit of a
band is left out in turn, and the hashes are sorted by the bits that remain: neighbours in that
order are compared in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.components import components

WORD = 64  # bits
LONGEST_KEY = 32  # bits of a band; the number of the hash fills the rest of a word
WINDOW = 512  # hashes after it, within a bucket, that a hash is compared with

Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def pack(hashes: Sequence[str]) -> Hashes:
    """Hex strings of one length, a multiple of 16 digits, as uint64 [hashes, words]."""
    if not hashes:
        return np.zeros((0, 1), np.uint64)
    rows = np.frombuffer(bytes.fromhex("".join(hashes)), np.dtype(">u8"))
    return rows.reshape(len(hashes), -1).astype(np.uint64)


def distinct(hashes: Hashes) -> tuple[Hashes, NDArray[np.int64]]:
    """Each hash once, sorted, and which of these each one of `hashes` is.

    Args:
      hashes: uint64 [n, words].

    Returns:
      uint64 [m, words], int64 [n].
    """
    rows, number = np.unique(hashes, axis=0, return_inverse=True)
    return rows, number.reshape(-1).astype(np.int64)


def groups(hashes: Hashes, within: int) -> NDArray[np.int64]:
    """A number a hash, the same for those that a chain of near pairs connects.

    Args:
      hashes: uint64 [n, words].
      within: bits in which a near pair differs at most.

    Returns:
      int64 [n]; which hashes share a number does not depend on their order.
    """
    rows, number = distinct(hashes)
    return components(len(rows), near_pairs(rows, within))[number]


def near_pairs(rows: Hashes, within: int) -> Iterator[Pairs]:
    """Every pair that differs in at most `within` bits, once, in chunks of at most n pairs.

    In a bucket of more than `WINDOW` hashes each is compared with the `WINDOW` that follow it
    alone; a pair then is found in another bucket, or by way of others, or not. So time is bounded
    by bits x n x `WINDOW`, and memory is linear in n, whatever the hashes.

    Args:
      rows: uint64 [n, words], as `distinct` gives them.
      within: bits.

    Yields:
      int64 [pairs] twice: indices into `rows`, the smaller one first.
    """
    bits = rows.shape[1] * WORD
    bands = max(within // 2 + 1, -(-bits // LONGEST_KEY))
    masks = [_mask(range(band, bits, bands), rows.shape[1]) for band in range(bands)]
    for band in range(bands):
        key = _key(rows, range(band, bits, bands))
        for place in range(len(range(band, bits, bands))):
            for first, second in _neighbours(key & ~np.uint64(1 << place)):
                differ = rows[first] ^ rows[second]
                near = np.bitwise_count(differ).sum(axis=1) <= within
                first, second, differ = first[near], second[near], differ[near]
                new = _is_new(differ, masks[: band + 1], place)
                if new.any():
                    yield first[new], second[new]


def _is_new(differ: Hashes, masks: list[Hashes], place: int) -> NDArray[np.bool_]:
    """Whether a pair is found here for the first time: in no band before, nor bit before."""
    *before, here = masks
    new = np.ones(len(differ), np.bool_)
    for mask in before:
        new &= np.bitwise_count(differ & mask).sum(axis=1) > 1
    if place:
        new &= (differ & here).any(axis=1)
    return new


def _neighbours(key: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of equal keys, at most `WINDOW` apart in the order of (key, index)."""
    packed = np.sort((key << np.uint64(32)) | np.arange(len(key), dtype=np.uint64))
    order = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    ordered = packed >> np.uint64(32)
    left = np.arange(len(key))
    for shift in range(1, WINDOW + 1):
        left = left[left + shift < len(key)]
        left = left[ordered[left] == ordered[left + shift]]
        if not left.size:
            return
        yield order[left], order[left + shift]


def _key(rows: Hashes, places: range) -> NDArray[np.uint64]:
    """The bits at `places` of each hash, side by side: uint64 [n]."""
    key = np.zeros(len(rows), np.uint64)
    for shift, place in enumerate(places):
        bit = (rows[:, place // WORD] >> np.uint64(place % WORD)) & np.uint64(1)
        key |= bit << np.uint64(shift)
    return key


def _mask(places: range, words: int) -> Hashes:
    """A hash whose bits at `places` are set: uint64 [words]."""
    mask = np.zeros(words, np.uint64)
    for place in places:
        mask[place // WORD] |= np.uint64(1 << place % WORD)
    return mask
