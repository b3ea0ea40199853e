"""Who counts in a version, and under which label: its entries say it, not its shards."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.contract.errors import DataError
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import jpeg, store_shard
from tests.ray_jobs.training.rosters import entries_of, roster_of, sha_of, with_entries
from tests.tasks import documents

pytestmark = pytest.mark.tf

IMAGES = [(jpeg(n), n % 3) for n in range(6)]
CLASSES = documents.CLASSES


def published(store: InMemoryStore, tmp_path, entries, *, records: int) -> DatasetManifest:
    """A version whose one training shard holds all images, of which `records` count."""
    shard = store_shard(store, tmp_path, IMAGES).model_copy(update={"records": records})
    shards = dict.fromkeys(Split, ()) | {Split.TRAIN: (shard,)}
    manifest = documents.manifest().model_copy(update={"shards": shards})
    return with_entries(store, manifest, entries)


def photos_of(store: InMemoryStore, manifest: DatasetManifest, tmp_path):
    from ray_jobs.training.data.photos import fetch_photos

    shards = manifest.shards[Split.TRAIN]
    return fetch_photos(store, manifest, Split.TRAIN, shards, tmp_path / "cache")


def labels_seen(photos) -> list[tuple[int, int]]:
    """(row, label) as the pipeline gives them."""
    from ray_jobs.training.data.pipeline import image_examples

    return [(int(row), int(label)) for _, label, row in image_examples(photos, 16)]


def test_a_roster_has_what_the_split_keeps_and_nothing_of_other_splits(tmp_path):
    from ray_jobs.training.data.roster import read_roster

    store = InMemoryStore()
    entries = [
        *entries_of(IMAGES[:3], Split.TRAIN, CLASSES),
        *entries_of(IMAGES[3:4], Split.TEST, CLASSES),
        *entries_of(IMAGES[4:], Split.TRAIN, CLASSES, ImageState.CONFLICT),
    ]
    manifest = published(store, tmp_path, entries, records=3)
    assert read_roster(store, manifest, Split.TRAIN) == roster_of(
        IMAGES[:3], [shard.key for shard in manifest.shards[Split.TRAIN]]
    )


def test_the_label_is_that_of_the_version_whatever_the_shard_says(tmp_path):
    store = InMemoryStore()
    corrected = [(image, (label + 1) % 3) for image, label in IMAGES]
    entries = entries_of(corrected, Split.TRAIN, CLASSES)
    photos = photos_of(store, published(store, tmp_path, entries, records=6), tmp_path)
    assert labels_seen(photos) == [(n, (n + 1) % 3) for n in range(6)]


def test_a_record_that_the_version_does_not_keep_is_skipped_and_rows_stay_dense(tmp_path):
    from ray_jobs.training.data.records import samples_of

    store = InMemoryStore()
    kept = [IMAGES[n] for n in (0, 2, 5)]
    entries = entries_of(kept, Split.TRAIN, CLASSES)
    photos = photos_of(store, published(store, tmp_path, entries, records=3), tmp_path)
    assert labels_seen(photos) == [(0, 0), (1, 2), (2, 2)]
    assert samples_of(photos)[0] == [sha_of(image) for image, _ in kept]


def test_the_table_of_labels_outlives_the_call_that_made_it(tmp_path):
    from ray_jobs.training.data.pipeline import image_examples

    store = InMemoryStore()
    entries = entries_of(IMAGES, Split.TRAIN, CLASSES)
    photos = photos_of(store, published(store, tmp_path, entries, records=6), tmp_path)
    examples = image_examples(photos, 16)
    gc.collect()
    assert [int(label) for _, label, _ in examples] == [label for _, label in IMAGES]


def test_an_image_that_lies_in_two_shards_counts_where_the_entries_say(tmp_path):
    """It went, and the old shard stayed; it came back, and was written again."""
    from ray_jobs.training.data.records import samples_of

    store = InMemoryStore()
    old = store_shard(store, tmp_path, IMAGES[:4]).model_copy(update={"records": 3})
    new = store_shard(store, tmp_path, IMAGES[3:])
    manifest = documents.manifest()
    shards = dict.fromkeys(Split, ()) | {Split.TRAIN: (old, new)}
    manifest = manifest.model_copy(update={"shards": shards})
    entries = [
        *(replace(e, shard=old.key) for e in entries_of(IMAGES[:3], Split.TRAIN, CLASSES)),
        *(replace(e, shard=new.key) for e in entries_of(IMAGES[3:], Split.TRAIN, CLASSES)),
    ]
    photos = photos_of(store, with_entries(store, manifest, entries), tmp_path)
    assert samples_of(photos)[0] == [sha_of(image) for image, _ in IMAGES]


def test_entries_that_keep_other_images_than_the_shards_count_are_refused(tmp_path):
    from ray_jobs.training.data.roster import read_roster

    store = InMemoryStore()
    manifest = published(store, tmp_path, entries_of(IMAGES, Split.TRAIN, CLASSES), records=5)
    with pytest.raises(DataError, match=r"keeps 6 images in split 'train'; expected 5 as its"):
        read_roster(store, manifest, Split.TRAIN)


def test_a_class_that_the_manifest_does_not_know_is_refused(tmp_path):
    from ray_jobs.training.data.roster import read_roster

    store = InMemoryStore()
    entries = entries_of(IMAGES, Split.TRAIN, ["glass", "gold", "paper"])
    manifest = published(store, tmp_path, entries, records=6)
    with pytest.raises(DataError, match=r"names a class 'gold'; expected .*glass.*paper"):
        read_roster(store, manifest, Split.TRAIN)


def test_entries_that_are_not_those_of_the_manifest_are_refused(tmp_path):
    from ray_jobs.training.data.roster import read_roster

    store = InMemoryStore()
    manifest = published(store, tmp_path, entries_of(IMAGES, Split.TRAIN, CLASSES), records=6)
    store.objects[manifest.entries.key] += b"x"
    with pytest.raises(DataError, match="as recorded when it was written"):
        read_roster(store, manifest, Split.TRAIN)


def test_a_shard_that_holds_fewer_than_the_manifest_counts_is_refused():
    from ray_jobs.training.data.part import part_of
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.data.share import Share

    with pytest.raises(DataError, match=r"0 shards hold 0 images that count; expected 2, as"):
        part_of(Share(shards=(), records=2, batch=1, steps=2), Photos([], {}))
