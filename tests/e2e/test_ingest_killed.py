"""kill -9 of an ingest at a random moment, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tasks.upkeep.collect import collect
from tests.e2e.killing import Ingests, published
from tests.seaweed import object_store
from tests.tasks.ingest.pictures import make_tree

pytestmark = [pytest.mark.timeout(600)]

QUICK, MANY = range(3), range(3, 20)


@pytest.fixture(scope="module")
def ingests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingests]:
    source = make_tree(tmp_path_factory.mktemp("killed") / "tree", {"glass": 150, "metal": 150})
    with object_store() as store:
        yield Ingests(store, source)


def goes_on(ingests: Ingests, number: int) -> None:
    bucket, moment = ingests.killed_once(number)
    told = f"killed {moment:.2f} of {ingests.takes_s:.2f} s after its begin"
    assert published(bucket) == ingests.expected, told
    collect(bucket, datetime.now(UTC) + timedelta(seconds=2))
    assert published(bucket) == ingests.expected, told
    assert [key for key in bucket.keys("") if key not in ingests.expected] == [
        key for key in bucket.keys("seen/")
    ], told


@pytest.mark.e2e
@pytest.mark.parametrize("number", QUICK)
def test_an_ingest_killed_at_a_random_moment_goes_on(ingests: Ingests, number: int):
    goes_on(ingests, number)


@pytest.mark.faults
@pytest.mark.parametrize("number", MANY)
def test_an_ingest_killed_at_many_random_moments_goes_on(ingests: Ingests, number: int):
    goes_on(ingests, number)
