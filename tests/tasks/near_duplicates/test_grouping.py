import random
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract.dataset import Split
from tasks.dataset.entries import Entry
from tasks.ingest.split import assign
from tasks.near_duplicates.grouping import group
from tests.tasks.ingest.books import book_of, rows_of
from tests.tasks.ingest.pictures import entry
from tests.tasks.near_duplicates.likeness import neighbours


def sha(place, name=0):
    return f"{random.Random(f'{place}/{name}').getrandbits(256):064x}"


def picture(place, name=0, pinned=None) -> Entry:
    """A picture at a place on the line; `name` tells pictures at one place apart."""
    facts = {"sha256": sha(place, name), "phash": f"{place:016x}", "pinned": pinned}
    return entry(f"a/{place}-{name}", **facts)


def row(place, split, name="held", group=None):
    facts = sha(place, name), sha(place, f"{name} pixels"), f"{place:016x}"
    return *facts, "a", group or sha(place, name), split


def grouped(pictures, rows=()):
    book = book_of(pictures, rows)
    group(book, neighbours)
    return book


def units(book):
    """The places of the pictures that must share a split."""
    sql = "SELECT chain, phash FROM look WHERE chain IS NOT NULL AND torn IS NULL"
    found = {}
    for chain, phash in book.all(sql):
        found.setdefault(chain, []).append(int(phash, 16))
    return sorted(map(sorted, found.values()))


def places(book):
    """Where each of them goes: place on the line -> (split, group)."""
    sql = 'SELECT phash, split, "group" FROM look WHERE chain IS NOT NULL AND torn IS NULL'
    return {int(phash, 16): (split, group) for phash, split, group in book.all(sql)}


def torn(book):
    return {int(p, 16): splits for p, splits in book.all("SELECT phash, torn FROM look") if splits}


def test_pictures_that_look_alike_over_any_number_of_steps_are_a_group():
    assert units(grouped(map(picture, [1, 2, 3, 7, 9, 10]))) == [[1, 2, 3], [7], [9, 10]]


def test_a_group_is_named_by_its_smallest_sha256():
    book = grouped(map(picture, [1, 2, 3]))
    assign(book, seed=0)
    assert {row[4] for row in rows_of(book)} == {min(map(sha, [1, 2, 3]))}


def test_a_group_that_looks_like_something_in_the_ledger_joins_it():
    book = grouped(map(picture, [4, 5, 6]), [row(3, "test")])
    assert set(places(book).values()) == {("test", sha(3, "held"))}


def test_a_picture_between_two_splits_is_torn_and_its_neighbours_are_not():
    book = grouped(map(picture, [2, 3, 4, 5, 6]), [row(1, "train"), row(7, "test")])
    assert torn(book) == {4: "test and train"}
    assert {place: split for place, (split, _) in places(book).items()} == {
        **{2: "train", 3: "train"},
        **{5: "test", 6: "test"},
    }


def test_what_hung_to_the_rest_by_a_torn_picture_is_a_group_of_its_own():
    book = grouped(map(picture, [2, 3, 4]), [row(1, "train"), row(1, "test", "other")])
    assert set(torn(book)) == {2}
    assert units(book) == [[3, 4]]
    assert set(places(book).values()) == {(None, None)}


def test_a_pin_leads_its_group():
    book = grouped([picture(1), picture(2, pinned=Split.TEST)])
    assert set(places(book).values()) == {("test", None)}


def test_a_pinned_picture_that_looks_like_a_training_one_is_torn():
    book = grouped([picture(2, pinned=Split.TEST)], [row(1, "train")])
    assert set(torn(book)) == {2}


versions = st.lists(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 1), st.sampled_from([None, Split.TEST])),
        max_size=25,
        unique_by=lambda one: one[:2],
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=200)
@given(versions, st.integers(0, 3))
def test_no_two_pictures_that_look_alike_ever_lie_in_two_splits(history, seed):
    rows = []
    for version in history:
        book = grouped([picture(*one) for one in version], rows)
        book.execute(
            "UPDATE entry SET state = 'quarantined' WHERE phash IN"
            " (SELECT phash FROM look WHERE torn IS NOT NULL)"
            " AND sha256 NOT IN (SELECT sha256 FROM ledger)"
        )
        aside = {one for (one,) in book.all("SELECT sha256 FROM entry WHERE state <> 'kept'")}
        assign(book, seed)
        assert set(rows) <= set(rows_of(book))
        rows = rows_of(book)
        placed = {row[0] for row in rows}
        assert {sha(*one[:2]) for one in version} <= placed | aside
        assert not placed & aside
    for one, other in combinations(rows, 2):
        near = abs(int(one[2], 16) - int(other[2], 16)) <= 1
        assert not near or one[5] == other[5]
