"""Which test images may not judge."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.dataset import NEAR_BITS, Split
from ray_jobs.training.evaluation import overlap
from ray_jobs.training.evaluation.entries import Kept
from ray_jobs.training.evaluation.overlap import Learnt, Overlap, near_any, overlaps

FAR = "0f" * 32


def kept(name: str, *, pixels: str | None = None, phash: str = FAR, group: str | None = None):
    return Kept(name, pixels or f"p-{name}", phash, group or name, "glass", Split.TEST)


def without_bits(count: int) -> str:
    """A hash that differs from all ones in so many bits."""
    return f"{(1 << 256) - (1 << count):064x}"


ONES = "f" * 64


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (kept("a"), None),
        (kept("learnt"), Overlap.SAME),
        (kept("b", pixels="p-learnt"), Overlap.SAME),
        (kept("c", group="learnt"), Overlap.NEAR),
        (kept("d", phash=without_bits(NEAR_BITS)), Overlap.NEAR),
        (kept("e", phash=without_bits(NEAR_BITS + 1)), None),
    ],
)
def test_what_was_learnt_from_or_looks_like_it_may_not_judge(test: Kept, why: Overlap | None):
    other = Learnt([kept("other", phash="00" * 32)], frozenset())
    learnt = Learnt([kept("learnt", phash=ONES)], frozenset())
    assert overlaps([test], [learnt, other]) == overlaps([test], [other, learnt]) == [why]


def test_where_nothing_was_learnt_all_may_judge():
    assert overlaps([kept("a"), kept("b")], []) == [None, None]


def test_what_the_ingest_of_a_version_has_found_apart_is_not_compared_again():
    images = [kept("learnt", phash=ONES)]
    test = [kept("old", phash=ONES), kept("new", phash=ONES), kept("grown", group="learnt")]
    apart = frozenset(["old", "grown"])
    assert overlaps(test, [Learnt(images, apart)]) == [None, Overlap.NEAR, Overlap.NEAR]


def test_near_ones_are_found_whatever_is_held_at_once(monkeypatch):
    chance = np.random.default_rng(0)
    hashes, others = (chance.integers(0, 2**63, (40, 4), np.uint64) for _ in range(2))
    hashes[[3, 17, 39]] = others[[5, 5, 0]] ^ np.uint64(0b1011)
    expected = [
        any(sum(int(a ^ b).bit_count() for a, b in zip(x, y, strict=True)) <= 12 for y in others)
        for x in hashes
    ]
    assert sum(expected) == 3
    assert near_any(hashes, others, 12).tolist() == expected
    monkeypatch.setattr(overlap, "_PAIRS_AT_ONCE", 7)
    assert near_any(hashes, others, 12).tolist() == expected


def test_hashes_that_differ_in_every_bit_are_not_near():
    none, every = np.zeros((1, 4), np.uint64), np.full((1, 4), 2**64 - 1, np.uint64)
    assert near_any(none, every, 28).tolist() == [False]
