"""The real photos, where SORTLINE_TRASHNET says that they lie."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, ImageState
from ray_jobs.storage import fetch, read_document
from tasks.dataset.entries import decode_entries
from tasks.ingest import steps
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
    steps.inspect_source(store, steps.Asked(source), **address)
    steps.assign_splits(store, **address)
    steps.write_shards(store, **address)
    return store, steps.publish(store, **address)


def entries_of(store, published):
    key = keys.manifest("trashnet6", published["version"])
    return decode_entries(fetch(store, read_document(store, DatasetManifest, key).entries))


def test_every_photo_is_accounted_for(ingested):
    _, published = ingested
    assert published["images"] == {"kept": 2521, "duplicate": 0, "conflict": 6, "quarantined": 0}
    assert sum(published["splits"].values()) == 2521
    assert published["classes"]["trash"] == 137


def test_the_conflicts_are_the_three_known_pairs(ingested):
    store, published = ingested
    conflicts = [e for e in entries_of(store, published) if e.state is ImageState.CONFLICT]
    pairs = {
        frozenset(e.path for e in conflicts if e.pixel_sha256 == one.pixel_sha256)
        for one in conflicts
    }
    assert pairs == PAIRS


def test_the_splits_meet_the_quotas_as_near_as_groups_let_them(ingested):
    _, published = ingested
    assert published["splits"] == {"train": 1766, "val": 380, "test": 375}


def test_photos_that_look_alike_share_a_group_and_a_split(ingested):
    store, published = ingested
    groups = defaultdict(list)
    for entry in entries_of(store, published):
        if entry.state is ImageState.KEPT:
            groups[entry.group].append(entry)
    assert sum(len(group) > 1 for group in groups.values()) > 30
    assert all(len({entry.split for entry in group}) == 1 for group in groups.values())
