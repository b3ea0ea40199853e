import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract.dataset import Split
from tasks.entries import Content
from tasks.grouping import Group, Member, group
from tasks.ledger import Ledger
from tasks.split import SHARES, assign, quotas
from tests.tasks.ingest.likeness import nothing_alike


def content(name):
    rng = random.Random(str(name))
    return Content(*(f"{rng.getrandbits(bits):0{bits // 4}x}" for bits in (256, 256, 256)))


def members(label, names):
    return [Member(content(f"{label}{name}"), label) for name in names]


def splits(ledger):
    return {row.content.sha256: row.split for row in ledger.rows}


def rows(version, ledger=None, seed=0):
    ledger = ledger or Ledger()
    return assign(group(version, ledger, nothing_alike).groups, version, ledger, seed)


def ingest(ledger, version, seed=0):
    return ledger.extended(rows(version, ledger, seed))


@settings(deadline=None)
@given(st.integers(1, 10_000))
def test_quotas_are_within_one_image_of_the_shares_and_add_up(images):
    counts = quotas(images)
    assert sum(counts.values()) == images
    assert all(abs(counts[split] - images * SHARES[split] / 100) < 1 for split in Split)


@settings(deadline=None)
@given(st.integers(4, 400), st.integers(0, 9))
def test_a_first_ingest_meets_the_quotas_within_one_image_a_class(images, seed):
    counts = Counter(row.split for row in rows(members("a", range(images)), seed=seed))
    assert all(abs(counts[split] - images * SHARES[split] / 100) <= 1 for split in Split)


@pytest.mark.parametrize("images", range(3, 12))
def test_three_groups_are_enough_for_one_in_each_split(images):
    assert {row.split for row in rows(members("a", range(images)))} == set(Split)


def test_small_classes_get_their_share_beside_large_ones():
    found = rows(members("large", range(100)) + members("small", range(20)))
    counts = Counter((row.label, row.split) for row in found)
    assert [counts["large", split] for split in Split] == [70, 15, 15]
    assert [counts["small", split] for split in Split] == [14, 3, 3]


versions = st.lists(
    st.dictionaries(st.integers(0, 60), st.sampled_from("ab"), max_size=40), min_size=2, max_size=6
)


@settings(deadline=None)
@given(versions, st.integers(0, 3))
def test_split_of_an_image_never_changes_when_images_come_and_go(history, seed):
    """Not even when its label changes: `history` gives some images another class later."""
    ledger = Ledger()
    for version in history:
        before = splits(ledger)
        current = [Member(content(name), label) for name, label in version.items()]
        ledger = ingest(ledger, current, seed)
        after = splits(ledger)
        assert before.items() <= after.items()
        assert all(content(name).sha256 in after for name in version)


@settings(deadline=None)
@given(st.integers(3, 60), st.randoms())
def test_the_order_of_the_groups_plays_no_part(images, rng):
    found = members("a", range(images)) + members("b", range(images // 2))
    shuffled = rng.sample(found, len(found))
    assert splits(ingest(Ledger(), found)) == splits(ingest(Ledger(), shuffled))


def test_assigning_again_appends_nothing():
    found = members("a", range(30))
    assert rows(found, ingest(Ledger(), found)) == []


def test_another_seed_gives_other_splits():
    first, second = (splits(ingest(Ledger(), members("a", range(60)), seed)) for seed in (0, 1))
    assert first != second


def test_growth_fills_the_quotas_of_the_class_as_a_whole():
    ledger = Ledger()
    for size in range(5, 201, 5):
        ledger = ingest(ledger, members("a", range(size)))
    counts = Counter(row.split for row in ledger.rows)
    assert [counts[split] for split in Split] == [140, 30, 30]


def test_a_split_that_lost_its_images_is_filled_first():
    ledger = ingest(Ledger(), members("a", range(20)))
    left = [m for m in members("a", range(20)) if splits(ledger)[m.sha256] is Split.TRAIN]
    grown = ingest(ledger, left + members("a", range(20, 23)))
    new = [splits(grown)[m.sha256] for m in members("a", range(20, 23))]
    assert {Split.VAL, Split.TEST} <= set(new)


def test_the_same_pixels_in_other_bytes_stay_in_their_split():
    ledger = ingest(Ledger(), members("a", range(20)))
    for row in ledger.rows:
        again = Content("f" * 64, row.content.pixel_sha256, row.content.phash)
        (joined,) = rows([Member(again, "a")], ledger)
        assert (joined.split, joined.group) == (row.split, row.group)


def test_a_group_shares_one_split_and_is_named_by_its_smallest_hash():
    contents = [content(name) for name in range(5)]
    one = Group(tuple(Member(content, "a") for content in contents))
    singles = [Group((member,)) for member in members("a", range(9))]
    everything = [member for group in [one, *singles] for member in group.members]
    ours = [
        row for row in assign([one, *singles], everything, Ledger(), 0) if row.content in contents
    ]
    assert len({row.split for row in ours}) == 1
    assert {row.group for row in ours} == {min(c.sha256 for c in contents)}


def pinned(label, names):
    return [Member(content(f"{label}{name}"), label, Split.TEST) for name in names]


def test_pinned_images_are_the_test_split_of_their_class():
    version = pinned("a", range(7)) + members("a", range(7, 107)) + members("b", range(100))
    counts = Counter((row.label, row.split) for row in rows(version))
    assert [counts["a", split] for split in Split] == [82, 18, 7]
    assert [counts["b", split] for split in Split] == [70, 15, 15]


def test_a_pin_moves_nothing_that_the_ledger_holds():
    ledger = ingest(Ledger(), members("a", range(20)))
    assert rows(pinned("a", range(20)), ledger) == []
