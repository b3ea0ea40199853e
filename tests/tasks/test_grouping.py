import random
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract.dataset import Split
from tasks.entries import Content
from tasks.grouping import Member, group
from tasks.ledger import Ledger, LedgerRow
from tasks.split import assign
from tests.tasks.ingest.likeness import neighbours


def content(place, name=0):
    """A picture at a place on the line; `name` tells pictures at one place apart."""
    rng = random.Random(f"{place}/{name}")
    return Content(f"{rng.getrandbits(256):064x}", f"{rng.getrandbits(256):064x}", f"{place:016x}")


def member(place, name=0, pinned=None):
    return Member(content(place, name), "a", pinned)


def held(**places):
    """A ledger that holds a picture a split."""
    return Ledger(
        LedgerRow(content(place, "held"), "a", content(place, "held").sha256, Split(split))
        for split, place in places.items()
    )


def grouped(members, ledger=None):
    return group(members, ledger or Ledger(), neighbours)


def places(found):
    return sorted(sorted(int(m.content.phash, 16) for m in one.members) for one in found.groups)


def test_pictures_that_look_alike_over_any_number_of_steps_are_a_group():
    assert places(grouped(map(member, [1, 2, 3, 7, 9, 10]))) == [[1, 2, 3], [7], [9, 10]]


def test_a_group_is_named_by_its_smallest_sha256():
    (one,) = grouped(map(member, [1, 2, 3])).groups
    assert one.id == min(content(place).sha256 for place in [1, 2, 3])


def test_a_group_that_looks_like_something_in_the_ledger_joins_it():
    (one,) = grouped(map(member, [4, 5, 6]), held(test=3)).groups
    assert (one.place.split, one.id) == (Split.TEST, content(3, "held").sha256)


def test_a_picture_between_two_splits_is_torn_and_its_neighbours_are_not():
    found = grouped(map(member, [2, 3, 4, 5, 6]), held(train=1, test=7))
    assert found.torn == {content(4).sha256: (Split.TEST, Split.TRAIN)}
    assert {one.place.split: len(one.members) for one in found.groups} == {
        Split.TRAIN: 2,
        Split.TEST: 2,
    }


def test_what_hung_to_the_rest_by_a_torn_picture_is_a_group_of_its_own():
    other = LedgerRow(content(1, "other"), "a", "g", Split.TEST)
    found = grouped(map(member, [2, 3, 4]), Ledger([*held(train=1).rows, other]))
    assert set(found.torn) == {content(2).sha256}
    assert places(found) == [[3, 4]]
    assert found.groups[0].place is None


def test_a_pin_leads_its_group():
    (one,) = grouped([member(1), member(2, pinned=Split.TEST)]).groups
    assert (one.place.split, one.place.group) == (Split.TEST, None)


def test_a_pinned_picture_that_looks_like_a_training_one_is_torn():
    found = grouped([member(2, pinned=Split.TEST)], held(train=1))
    assert set(found.torn) == {content(2).sha256}


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
@given(versions, st.integers(0, 3), st.randoms())
def test_no_two_pictures_that_look_alike_ever_lie_in_two_splits(history, seed, rng):
    ledger = Ledger()
    for version in history:
        members = [member(*one) for one in version]
        found = grouped(members, ledger)
        again = grouped(rng.sample(members, len(members)), ledger)
        assert (places(again), again.torn) == (places(found), found.torn)
        rows = assign(found.groups, members, ledger, seed)
        ledger = ledger.extended(rows)
        placed = {row.content.sha256 for row in ledger.rows}
        assert {m.sha256 for m in members} == (placed | found.torn.keys()) & {
            m.sha256 for m in members
        }
        assert not placed & found.torn.keys()
    for one, other in combinations(ledger.rows, 2):
        near = abs(int(one.content.phash, 16) - int(other.content.phash, 16)) <= 1
        assert not near or one.split is other.split
