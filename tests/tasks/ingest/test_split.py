import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract.dataset import Split
from tasks.ingest.split import SHARES, assign, quotas
from tasks.near_duplicates.grouping import group
from tests.tasks.ingest.books import book_of, rows_of
from tests.tasks.ingest.pictures import entry
from tests.tasks.near_duplicates.likeness import nothing_alike


def sha(name):
    return f"{random.Random(str(name)).getrandbits(256):064x}"


def photo(label, name, **facts):
    """A picture whose content its name decides, whatever its class."""
    return entry(f"{label}/{name}", pixels=f"pixels of {name}", sha256=sha(name), **facts)


def photos(label, numbers, **facts):
    return [photo(label, f"{label}{number}", **facts) for number in numbers]


def ingest(version, ledger=(), seed=0):
    """The ledger after a version."""
    book = book_of(version, ledger)
    group(book, nothing_alike)
    assign(book, seed)
    return rows_of(book)


def splits(ledger):
    return {row[0]: row[5] for row in ledger}


def counted(ledger):
    return Counter((label, split) for *_, label, _, split in ledger)


def of_class(ledger, label):
    counts = counted(ledger)
    return [counts[label, split.value] for split in Split]


@settings(deadline=None)
@given(st.integers(1, 10_000))
def test_quotas_are_within_one_image_of_the_shares_and_add_up(images):
    counts = quotas(images)
    assert sum(counts.values()) == images
    assert all(abs(counts[split] - images * SHARES[split] / 100) < 1 for split in Split)


@settings(deadline=None)
@given(st.integers(4, 400), st.integers(0, 9))
def test_a_first_ingest_meets_the_quotas_within_one_image_a_class(images, seed):
    ledger = ingest(photos("a", range(images)), seed=seed)
    for split, count in zip(Split, of_class(ledger, "a"), strict=True):
        assert abs(count - images * SHARES[split] / 100) <= 1


@pytest.mark.parametrize("images", range(3, 12))
def test_three_groups_are_enough_for_one_in_each_split(images):
    assert set(splits(ingest(photos("a", range(images)))).values()) == set(Split)


def test_small_classes_get_their_share_beside_large_ones():
    ledger = ingest(photos("large", range(100)) + photos("small", range(20)))
    assert of_class(ledger, "large") == [70, 15, 15]
    assert of_class(ledger, "small") == [14, 3, 3]


versions = st.lists(
    st.dictionaries(st.integers(0, 60), st.sampled_from("ab"), max_size=40), min_size=2, max_size=6
)


@settings(deadline=None)
@given(versions, st.integers(0, 3))
def test_split_of_an_image_never_changes_when_images_come_and_go(history, seed):
    """Not even when its label changes: `history` gives some images another class later."""
    ledger = []
    for version in history:
        before = splits(ledger)
        ledger = ingest([photo(label, name) for name, label in version.items()], ledger, seed)
        after = splits(ledger)
        assert before.items() <= after.items()
        assert all(sha(name) in after for name in version)


@settings(deadline=None)
@given(st.integers(3, 60), st.randoms())
def test_the_paths_of_the_pictures_play_no_part(images, rng):
    names = list(range(images))
    shuffled = rng.sample(names, images)
    first = [entry(f"a/{at}", pixels=str(name), sha256=sha(name)) for at, name in enumerate(names)]
    second = [
        entry(f"a/{at}", pixels=str(name), sha256=sha(name)) for at, name in enumerate(shuffled)
    ]
    assert ingest(first) == ingest(second)


def test_assigning_again_adds_nothing():
    found = photos("a", range(30))
    assert ingest(found, ingest(found)) == ingest(found)


def test_another_seed_gives_other_splits():
    first, second = (splits(ingest(photos("a", range(60)), seed=seed)) for seed in (0, 1))
    assert first != second


def test_growth_fills_the_quotas_of_the_class_as_a_whole():
    ledger = []
    for size in range(5, 201, 5):
        ledger = ingest(photos("a", range(size)), ledger)
    assert of_class(ledger, "a") == [140, 30, 30]


def test_a_split_that_lost_its_images_is_filled_first():
    ledger = ingest(photos("a", range(20)))
    old, new = photos("a", range(20)), photos("a", range(20, 23))
    left = [one for one in old if splits(ledger)[one.sha256] == "train"]
    grown = splits(ingest(left + new, ledger))
    assert {"val", "test"} <= {grown[one.sha256] for one in new}


def test_the_same_pixels_in_other_bytes_stay_in_their_split():
    ledger = ingest(photos("a", range(20)))
    for _, pixels, phash, _, group_id, split in ledger:
        again = entry("a/again", sha256="f" * 64, pixel_sha256=pixels, phash=phash)
        (joined,) = set(ingest([again], ledger)) - set(ledger)
        assert joined[4:] == (group_id, split)


def test_a_group_shares_one_split_and_is_named_by_its_smallest_hash():
    one = photos("a", range(5), phash="0" * 64)
    ledger = ingest(one + photos("a", range(5, 14)))
    ours = [row for row in ledger if row[2] == "0" * 64]
    assert len(ours) == 5
    assert len({row[5] for row in ours}) == 1
    assert {row[4] for row in ours} == {min(picture.sha256 for picture in one)}


def test_pinned_images_are_the_test_split_of_their_class():
    pinned = photos("a", range(7), pinned=Split.TEST)
    ledger = ingest(pinned + photos("a", range(7, 107)) + photos("b", range(100)))
    assert of_class(ledger, "a") == [82, 18, 7]
    assert of_class(ledger, "b") == [70, 15, 15]


def test_a_pin_moves_nothing_that_the_ledger_holds():
    ledger = ingest(photos("a", range(20)))
    assert ingest(photos("a", range(20), pinned=Split.TEST), ledger) == ledger
