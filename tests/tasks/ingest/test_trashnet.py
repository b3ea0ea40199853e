"""The real photos, where SORTLINE_TRASHNET says that they lie."""

import os
from pathlib import Path

import pytest

from ray_jobs.contract.dataset import ImageState
from tasks import ingest
from tasks.entries import decode_entries
from tests.fakes import InMemoryStore

PAIRS = {
    frozenset({"glass/glass115.jpg", "metal/metal91.jpg"}),
    frozenset({"glass/glass176.jpg", "plastic/plastic152.jpg"}),
    frozenset({"glass/glass389.jpg", "plastic/plastic332.jpg"}),
}


@pytest.fixture(scope="module")
def ingested():
    source = os.environ.get("SORTLINE_TRASHNET")
    if not source or not Path(source).is_dir():
        pytest.skip("SORTLINE_TRASHNET names no folder with the photos")
    store, address = InMemoryStore(), {"dataset": "trashnet6", "ingest_id": "1"}
    ingest.inspect_source(store, ingest.Asked(source), **address)
    ingest.assign_splits(store, **address)
    ingest.write_shards(store, **address)
    return store, ingest.publish(store, **address)


def test_every_photo_is_accounted_for(ingested):
    _, published = ingested
    assert published["images"] == {"kept": 2521, "duplicate": 0, "conflict": 6, "quarantined": 0}
    assert sum(published["splits"].values()) == 2521
    assert published["classes"]["trash"] == 137


def test_the_conflicts_are_the_three_known_pairs(ingested):
    store, published = ingested
    key = f"datasets/trashnet6/{published['version']}/entries.parquet"
    conflicts = [e for e in decode_entries(store.get(key)) if e.state is ImageState.CONFLICT]
    pairs = {
        frozenset(e.path for e in conflicts if e.pixel_sha256 == one.pixel_sha256)
        for one in conflicts
    }
    assert pairs == PAIRS


def test_each_class_is_split_by_the_quotas(ingested):
    _, published = ingested
    assert published["splits"] == {"train": 1764, "val": 380, "test": 377}
