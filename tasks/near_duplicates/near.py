"""Which hashes differ in few bits, without looking at all pairs (ADR 0007).

Locality-sensitive hashing by sampled bits (Indyk and Motwani 1998), the bits dealt out in rounds:
a round shuffles the bits of a hash and cuts them into bands of 24; hashes that are equal in a band
are compared in full. A pair that differs in fewer bits than a round has bands is always found, in
buckets of at most `WINDOW` hashes; what is found of the others is a matter of chance, fixed once
for all by the shuffles: with the eight rounds of 256 bits, 0.99 of the pairs that differ in 28
bits, 0.9999 of those in 20.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.near_duplicates.components import Parts

WORD = 64  # bits
BAND_BYTES = 3
ROUNDS = 8
WINDOW = 64  # hashes after it, within a bucket, that a hash is compared with
LARGE = 100  # hashes of a group that only ever closer pairs may hold together
STEP = 2  # bits
_CHUNK = 2**12  # hashes whose bits are spread out at once, a byte each

Hashes = NDArray[np.uint64]


class Pairs(NamedTuple):
    """Near pairs: int64 [pairs] each; `first` is the smaller index, `bits` how many differ."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    bits: NDArray[np.int64]


def pack(hashes: Iterable[str]) -> Hashes:
    """The hashes as uint64 [hashes, words].

    Args:
      hashes: hex digits, as many in each, a multiple of 16.

    Raises:
      ValueError: some are longer than others (our fault: a data set has one kind of hash).
    """
    rows, left = [np.zeros((0, 1), np.uint64)], iter(hashes)
    while some := list(islice(left, 2**14)):  # the digits take four times as much as the bits
        if {len(one) for one in some} != {len(some[0])}:
            raise ValueError("hashes of several lengths")
        words = np.frombuffer(bytes.fromhex("".join(some)), np.dtype(">u8"))
        rows.append(words.reshape(len(some), -1).astype(np.uint64))
    return np.concatenate(rows[1:] or rows)


def distinct(hashes: Hashes) -> tuple[Hashes, NDArray[np.int64]]:
    """Each hash once, sorted: uint64 [m, words], and which of them each one is: int64 [n].

    Args:
      hashes: uint64 [n, words].
    """
    rows, number = np.unique(hashes, axis=0, return_inverse=True)
    return rows, number.reshape(-1).astype(np.int64)


def groups(hashes: Hashes, within: int, large: int = LARGE) -> NDArray[np.int64]:
    """A number a hash, int64 [n]: the same for those that a chain of near pairs connects.

    Long chains connect what is not alike. A group of more than `large` distinct hashes is therefore
    parted by a smaller bound, and again, until its parts are smaller or the bound is half of
    `within`: what such pairs connect stays together whatever its size.

    Args:
      hashes: uint64 [n, words]; their order plays no part in which share a number.
      within: bits in which a near pair differs at most.
      large: distinct hashes.
    """
    rows, number = distinct(hashes)
    return parted(len(rows), near_pairs(rows, within), within, large)[number]


def parted(
    count: int, chunks: Iterable[Pairs], within: int, large: int = LARGE
) -> NDArray[np.int64]:
    """`groups` of distinct hashes whose near pairs are known: int64 [count].

    Args:
      count: of hashes.
      chunks: what `near_pairs` gives for them.
      within: bits in which a near pair differs at most.
      large: hashes.
    """
    levels = {bits: Parts(count) for bits in range(within // 2, within, STEP)}
    levels[within] = Parts(count)
    for pairs in chunks:
        for bits, parts in levels.items():
            close = pairs.bits <= bits
            parts.join(pairs.first[close], pairs.second[close])
    group = levels[within // 2].smallest()
    for bits in sorted(levels):
        wider = levels[bits].smallest()
        small = np.bincount(wider, minlength=count)[wider] <= large
        group[small] = wider[small]
    return group


def near_pairs(rows: Hashes, within: int) -> Iterator[Pairs]:
    """The pairs that differ in at most `within` bits, once each, in chunks of at most n.

    In a bucket of more than `WINDOW` hashes each is compared with the `WINDOW` that follow it,
    those alone that share most of the next bits with it. So time is at most
    `bands * ROUNDS * WINDOW` comparisons a hash, and memory linear in n, whatever the hashes.

    Args:
      rows: uint64 [n, words], as `distinct` gives them.
      within: bits.
    """
    columns = np.ascontiguousarray(rows.T)
    seen: list[Hashes] = []
    for number in range(ROUNDS):
        order = _shuffle(number, rows.shape[1] * WORD)
        shuffled = _dealt(rows, order)
        for start in range(0, shuffled.shape[1] - BAND_BYTES + 1, BAND_BYTES):
            for pairs in _in_one_band(columns, _key(shuffled, start), within):
                new = _unseen(columns, pairs, seen)
                yield Pairs(pairs.first[new], pairs.second[new], pairs.bits[new])
            seen.append(_mask(order[8 * start : 8 * (start + BAND_BYTES)], rows.shape[1]))


def _in_one_band(columns: Hashes, key: Hashes, within: int) -> Iterator[Pairs]:
    """Near pairs of one bucket, at most `WINDOW` apart in the order of (key, index)."""
    order = np.argsort(key, kind="stable")
    bucket = key[order] >> np.uint64(WORD - 8 * BAND_BYTES)
    ordered = columns[:, order]
    left = np.arange(len(key))
    for shift in range(1, WINDOW + 1):
        left = left[: np.searchsorted(left, len(key) - shift)]
        left = left[bucket[left] == bucket[left + shift]]
        if not left.size:
            return
        near, bits = left, np.zeros(left.size, np.int64)
        for column in ordered:
            bits += np.bitwise_count(column[near] ^ column[near + shift])
            close = bits <= within
            near, bits = near[close], bits[close]
        if near.size:
            one, other = order[near], order[near + shift]
            yield Pairs(np.minimum(one, other), np.maximum(one, other), bits)


def _unseen(columns: Hashes, pairs: Pairs, seen: list[Hashes]) -> NDArray[np.int64]:
    """Which pairs are equal in no band before: int64 [new], indices into `pairs`."""
    new = np.arange(pairs.first.size)
    differ = columns[:, pairs.first] ^ columns[:, pairs.second]
    for mask in seen:
        if not new.size:
            break
        differs = (differ & mask[:, np.newaxis]).any(axis=0)
        new, differ = new[differs], differ[:, differs]
    return new


def _shuffle(number: int, bits: int) -> list[int]:
    """An order of the bits; the same on every machine."""
    return sorted(range(bits), key=lambda bit: hashlib.sha256(f"{number}:{bit}".encode()).digest())


def _dealt(rows: Hashes, order: list[int]) -> NDArray[np.uint8]:
    """The bits of each hash in that order: uint8 [n, bytes]."""
    dealt = np.empty((len(rows), rows.shape[1] * WORD // 8), np.uint8)
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK].astype(">u8").view(np.uint8)
        dealt[start : start + _CHUNK] = np.packbits(np.unpackbits(some, axis=1)[:, order], axis=1)
    return dealt


def _key(dealt: NDArray[np.uint8], start: int) -> Hashes:
    """Eight bytes from `start` on, from the last to the first again: uint64 [n]."""
    places = np.arange(start, start + 8) % dealt.shape[1]
    return np.ascontiguousarray(dealt[:, places]).view(">u8").astype(np.uint64).reshape(-1)


def _mask(bits: list[int], words: int) -> Hashes:
    """A hash in which those bits are set, counted from the first digit: uint64 [words]."""
    mask = np.zeros(words, np.uint64)
    for bit in bits:
        mask[bit // WORD] |= np.uint64(1 << (WORD - 1 - bit % WORD))
    return mask
