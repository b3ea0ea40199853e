"""Promotions at once, on a real object store: its If-Match decides which one wins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tasks.judging.champion import LostRaceError, move, promote, read
from tests.flaky import Way, flaky
from tests.seaweed import LocalStore, object_store
from tests.tasks.clock import NOON

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

AT_ONCE = 16


@pytest.fixture(scope="module")
def real() -> Iterator[LocalStore]:
    with object_store() as store:
        yield store


def to(version: int):
    return move(version, f"run{version}", by="gate", at=NOON)


def versions(store, model: str) -> list[int]:
    pointer = read(store, model).pointer
    return [made.model_version for made in pointer.history]


def test_a_tag_that_another_write_has_passed_is_refused(real):
    assert real.put_once("pointer", b"1")
    stale = real.get_tagged("pointer").etag
    assert real.compare_and_set("pointer", b"2", etag=stale)
    assert not real.compare_and_set("pointer", b"3", etag=stale)
    assert not real.put_once("pointer", b"4")
    assert real.get("pointer") == b"2"


def test_a_tag_of_what_is_gone_is_refused(real):
    real.put("gone", b"1")
    stale = real.get_tagged("gone").etag
    real.delete(["gone"])
    assert not real.compare_and_set("gone", b"2", etag=stale)
    assert not real.exists("gone")


@pytest.mark.parametrize("judged_against", [None, 1])
def test_of_promotions_at_once_exactly_one_wins(real, judged_against):
    model = f"beside-{judged_against}"
    if judged_against is not None:
        promote(real, model, to(judged_against), judged_against=None)
    start = Barrier(AT_ONCE)

    def attempt(version: int) -> int | None:
        start.wait()
        try:
            promote(real, model, to(version), judged_against=judged_against)
        except LostRaceError:
            return None
        return version

    with ThreadPoolExecutor(AT_ONCE) as pool:
        won = [one for one in pool.map(attempt, range(2, 2 + AT_ONCE)) if one is not None]
    assert len(won) == 1
    before = [] if judged_against is None else [judged_against]
    assert versions(real, model) == before + won


def test_a_promotion_whose_answers_get_lost_is_made_once(real):
    with flaky(real.url, Way(unheard=0.5, seed=3)) as way:
        by_way = real.at(way.url)
        for version in range(1, 5):
            before = version - 1 or None
            assert promote(by_way, "unheard", to(version), judged_against=before)
    assert way.seen["unheard"] > 2
    assert versions(real, "unheard") == [1, 2, 3, 4]
