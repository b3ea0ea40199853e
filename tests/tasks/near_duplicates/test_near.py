import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.near_duplicates.near import WINDOW, distinct, groups, near_pairs, pack

BITS = 256
SURE = 9  # a round of 256 bits has ten bands


def flipped(row, places):
    """The hash with those bits turned over: uint64 [words]."""
    row = row.copy()
    for place in places:
        row[place // 64] ^= np.uint64(1 << (63 - place % 64))
    return row


def clustered(seed, centres, copies, flips):
    """Random hashes, and copies of them that differ in up to so many bits: uint64 [n, 4]."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**64, (centres, BITS // 64), np.uint64)
    chosen = rng.integers(0, centres, copies)
    places = [rng.choice(BITS, rng.integers(0, flips + 1), replace=False) for _ in chosen]
    return np.array([*base, *map(flipped, base[chosen], places)])


clusters = st.builds(
    clustered, st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 200), st.integers(0, 40)
)


def all_pairs(rows, within):
    bits = np.bitwise_count(rows[:, np.newaxis] ^ rows[np.newaxis, :]).sum(axis=2)
    return {(int(a), int(b)): int(bits[a, b]) for a, b in np.argwhere(bits <= within) if a < b}


def found_pairs(rows, within):
    found = [pair for pairs in near_pairs(rows, within) for pair in zip(*pairs, strict=True)]
    assert len(found) == len({pair[:2] for pair in found})
    return {(int(first), int(second)): int(bits) for first, second, bits in found}


@given(clusters, st.integers(0, 28))
@settings(deadline=None, max_examples=15)
def test_only_near_pairs_are_found_each_once_with_its_bits(hashes, within):
    rows, _ = distinct(hashes)
    assert found_pairs(rows, within).items() <= all_pairs(rows, within).items()


# No bucket holds more hashes than each is compared with.
few = st.builds(
    clustered,
    st.integers(0, 2**32),
    st.integers(1, 20),
    st.integers(0, WINDOW - 20),
    st.integers(0, 40),
)


@given(few, st.integers(0, SURE))
@settings(deadline=None, max_examples=15)
def test_every_pair_is_found_that_differs_in_fewer_bits_than_a_round_has_bands(hashes, within):
    rows, _ = distinct(hashes)
    assert found_pairs(rows, within) == all_pairs(rows, within)


def test_of_pairs_that_differ_in_28_bits_ninety_seven_of_a_hundred_are_found():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 2**64, (2000, 4), np.uint64)
    other = [flipped(row, rng.choice(BITS, 28, replace=False)) for row in one]
    rows, _ = distinct(np.array([*one, *other]))
    assert len(found_pairs(rows, 28)) >= 0.97 * 2000


@given(clusters, st.integers(0, 28), st.integers(0, 100), st.integers(1, 20))
@settings(deadline=None, max_examples=15)
def test_groups_do_not_depend_on_the_order(hashes, within, seed, large):
    order = np.random.default_rng(seed).permutation(len(hashes))
    ordered, shuffled = groups(hashes, within, large), groups(hashes[order], within, large)
    assert np.array_equal(ordered[order], shuffled)


def chain(length, step):
    """Hashes each of which differs from the one before it in `step` bits of its own."""
    row = np.zeros(4, np.uint64)
    return np.array([flipped(row, range(step * number)) for number in range(length)])


def test_a_chain_of_near_pairs_is_one_group():
    assert len(set(groups(chain(20, 8), within=8))) == 1


def test_hashes_further_apart_are_groups_of_their_own():
    assert len(set(groups(chain(20, 9), within=8))) == 20


def test_a_large_group_is_parted_where_its_pairs_are_furthest_apart():
    left = chain(10, 2)
    right = np.array([flipped(row, range(200, 209)) for row in left])
    together = np.concatenate([left, right])
    assert len(set(groups(together, within=9, large=20))) == 1
    parted = groups(together, within=9, large=19)
    assert parted.tolist() == [parted[0]] * 10 + [parted[10]] * 10
    assert parted[0] != parted[10]


def test_pairs_of_half_the_bits_hold_a_group_of_any_size_together():
    assert len(set(groups(chain(60, 4), within=9, large=5))) == 1


def test_equal_hashes_are_one_group():
    assert groups(pack(["ab" * 32] * 3), 0).tolist() == [0, 0, 0]


def test_no_hashes_have_no_groups():
    assert groups(pack([]), 4).tolist() == []


def test_almost_equal_pictures_by_the_thousand_cost_no_more_than_others():
    rng = np.random.default_rng(0)
    hashes = np.zeros((4_000, 4), np.uint64)
    hashes[:, 0] = rng.integers(0, 2**12, 4_000)
    assert len(set(groups(hashes, 28))) == 1


@pytest.mark.parametrize("digits", [16, 32, 64])
def test_a_hash_is_packed_from_its_first_digit_on(digits):
    assert pack(["8" + "0" * (digits - 1)])[0, 0] == 2**63


def test_hashes_of_several_lengths_are_not_packed():
    with pytest.raises(ValueError, match="several lengths"):
        pack(["0" * 16, "0" * 64])
