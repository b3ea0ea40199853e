"""Which image goes into which shard. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ray_jobs.contract.dataset import Split
from tasks.entries import Entry
from tasks.images import MAX_SIDE_PX

MAX_BYTES = 64 * 10**6
# Several workers share val and test as well; training has more, so that it can grow.
AT_LEAST = {Split.TRAIN: 16, Split.VAL: 4, Split.TEST: 4}


def shard_count(entries: Sequence[Entry], split: Split) -> int:
    """How many shards the images of a split make, written all at once."""
    size = sum(map(_expected_bytes, entries))
    # Aimed at three quarters of the limit, since sizes are estimates; `cut` holds the limit.
    return min(len(entries), max(AT_LEAST[split], math.ceil(size / (0.75 * MAX_BYTES))))


def deal(entries: Sequence[Entry], count: int) -> list[list[Entry]]:
    """The images dealt round into shards like cards.

    Dealt class by class, so that shards differ by one image at most, in number and in each class;
    within a shard in the order of their hashes, so that the classes are mixed.

    Args:
      entries: of one split.
      count: of shards; at most one an image.
    """
    cards = sorted(entries, key=lambda entry: (entry.label, _hash(entry)))
    return [sorted(cards[place::count], key=_hash) for place in range(count)]


def cut(sizes: Sequence[int]) -> Iterator[slice]:
    """Runs of records, given by their sizes in bytes, that fit into one shard each."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if total + size > MAX_BYTES and index > start:
            yield slice(start, index)
            start, total = index, 0
        total += size
    if sizes:
        yield slice(start, len(sizes))


def _expected_bytes(entry: Entry) -> float:
    """Size of an image's record: as it is, or four bits a pixel once it is made smaller."""
    width, height = entry.width or 1, entry.height or 1
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    return min(entry.size_bytes or 0, width * height * scale**2 / 2)


def _hash(entry: Entry) -> str:
    return entry.content.sha256
