"""An ingest by way of a store that turns requests away and cuts connections."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError
from tests.e2e.ingesting import ingest_all
from tests.fakes import InMemoryStore
from tests.flaky import Way, flaky
from tests.seaweed import object_store
from tests.tasks.ingest.pictures import make_tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DEADLINE_S = 120


def run(store, source: Path):
    return ingest_all(store, str(source), "1")


@pytest.fixture(scope="module")
def real():
    with object_store() as store:
        yield store


def published(store):
    return {key: store.get(key) for key in (*store.keys("datasets/"), *store.keys("shards/"))}


def test_an_ingest_completes_though_one_request_in_six_fails(real, tmp_path: Path):
    source, quiet = make_tree(tmp_path / "tree", {"glass": 120, "metal": 120}), InMemoryStore()
    expected = run(quiet, source)
    rules = Way(slow_down=0.08, lost=0.04, unheard=0.04, seed=1, spares_last_attempts=True)
    with flaky(real.url, rules) as way:
        made = run(real.at(way.url), source)
    assert min(way.seen[fate] for fate in ("slow_down", "lost", "unheard")) > 5
    assert made["version"] == expected["version"]
    assert published(real) == published(quiet)


def test_an_ingest_fails_cleanly_where_the_store_only_says_slow_down(real, tmp_path: Path):
    source = make_tree(tmp_path / "tree", {"glass": 20, "metal": 20}, first_seed=900)
    before = set(real.keys(""))
    with flaky(real.url, Way(slow_down=1.0)) as way:
        started = time.monotonic()
        with pytest.raises(ClusterError, match=r"SlowDown.*; expected .*\. Look at its log"):
            run(real.at(way.url), source)
        assert time.monotonic() - started < DEADLINE_S
    assert set(real.keys("")) == before


def test_an_ingest_fails_cleanly_where_every_connection_is_cut(real, tmp_path: Path):
    source = make_tree(tmp_path / "tree", {"glass": 20, "metal": 20}, first_seed=900)
    with flaky(real.url, Way(lost=1.0)) as way:
        started = time.monotonic()
        with pytest.raises(ClusterError, match="does not answer"):
            run(real.at(way.url), source)
        assert time.monotonic() - started < DEADLINE_S
    assert not real.exists(keys.staging("waste", "1", "inspected.parquet"))
