import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.near import distinct, groups, near_pairs, pack


@st.composite
def clustered(draw):
    """Random hashes, some of them a few bits away from others: uint64 [n, words]."""
    words = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centres = rng.integers(0, 2**64, (draw(st.integers(1, 40)), words), np.uint64)
    hashes = centres[rng.integers(0, len(centres), draw(st.integers(1, 300)))]
    flips = draw(st.integers(0, 12))
    for row in range(len(hashes)):
        for place in rng.integers(0, 64 * words, rng.integers(0, flips + 1)):
            hashes[row, place // 64] ^= np.uint64(1) << np.uint64(place % 64)
    return hashes


def all_pairs(rows, within):
    differ = rows[:, np.newaxis] ^ rows[np.newaxis, :]
    near = np.bitwise_count(differ).sum(axis=2) <= within
    return {(int(a), int(b)) for a, b in np.argwhere(near) if a < b}


@given(clustered(), st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_every_near_pair_is_found_once_and_no_other(hashes, within):
    rows, _ = distinct(hashes)
    found = [pair for a, b in near_pairs(rows, within) for pair in zip(a, b, strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == all_pairs(rows, within)


@given(clustered(), st.integers(0, 30), st.integers(0, 100))
@settings(deadline=None, max_examples=40)
def test_groups_do_not_depend_on_the_order(hashes, within, seed):
    order = np.random.default_rng(seed).permutation(len(hashes))
    assert np.array_equal(groups(hashes, within)[order], groups(hashes[order], within))


def test_a_chain_of_near_pairs_is_one_group():
    assert groups(pack(["0" * 16, "3".zfill(16), "f".zfill(16), "f" * 16]), 2).tolist() == [
        0,
        0,
        0,
        3,
    ]


def test_equal_hashes_are_one_group():
    assert groups(pack(["ab" * 16] * 3), 0).tolist() == [0, 0, 0]


def test_no_hashes_have_no_groups():
    assert groups(pack([]), 4).tolist() == []


@pytest.mark.parametrize("digits", [16, 32, 64])
def test_a_hash_is_packed_from_its_first_digit_on(digits):
    assert pack(["8" + "0" * (digits - 1)])[0, 0] == 2**63
