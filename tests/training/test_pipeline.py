"""From shards to batches: each image once, the same steps whatever a rank holds."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from ray_jobs.contract.errors import DataError
from ray_jobs.training.data.share import Share, share_of
from tests.fakes import InMemoryStore
from tests.training.conftest import jpeg, store_shard, write_shard
from tests.training.rosters import roster_of

pytestmark = pytest.mark.tf

IMAGES = [(jpeg(n), n % 3) for n in range(7)]


@pytest.fixture
def photos(tmp_path):
    return on_disk(tmp_path, IMAGES[:4], IMAGES[4:])


def on_disk(folder, *shards):
    """Shards of images, all of which count."""
    from ray_jobs.training.data.photos import Photos

    files = [write_shard(folder, part)[0] for part in shards]
    return Photos(files, roster_of(IMAGES))


def of_share(records: int, batch: int, steps: int) -> Share:
    return Share(shards=(), records=records, batch=batch, steps=steps)


def flat(batches) -> list[tuple[np.ndarray, int, int, float]]:
    return [
        example for batch in batches for example in zip(*(p.numpy() for p in batch), strict=True)
    ]


def training(photos, *, epoch=0, seed=1, flip=False):
    from ray_jobs.training.data import pipeline

    examples = pipeline.shuffled_image_examples(photos, 16, seed=seed, flip=flip)(epoch)
    return flat(pipeline.training_batches(examples, of_share(7, 3, 4)))


def test_an_epoch_has_every_image_once_and_the_places_left_over_weigh_nothing(photos):
    seen = training(photos)
    assert len(seen) == 12
    assert Counter(row for _, _, row, weight in seen if weight == 1) == Counter(range(7))
    assert [weight for *_, weight in seen] == [1.0] * 7 + [0.0] * 5


def test_a_filling_place_repeats_an_image(photos):
    real = {row: image for image, _, row, weight in training(photos) if weight}
    for image, _, row, _ in training(photos):
        np.testing.assert_array_equal(image, real[row])


def test_labels_stay_with_their_images(photos):
    assert all(label == row % 3 for _, label, row, _ in training(photos))


def test_the_order_is_that_of_seed_and_epoch(photos):
    def order(**key: int) -> list[int]:
        return [row for _, _, row, _ in training(photos, **key)]

    assert order(epoch=1) == order(epoch=1)
    assert order(epoch=1) != order(epoch=2)
    assert order(seed=1) != order(seed=5)


def test_images_are_flipped_only_where_the_recipe_says_so_and_the_same_way_each_time(photos):
    def by_row(**key: object) -> dict[int, np.ndarray]:
        return {row: image for image, _, row, _ in training(photos, **key)}

    plain, flipped = by_row(), by_row(flip=True)
    mirrored = [row for row in plain if not np.array_equal(plain[row], flipped[row])]
    assert 0 < len(mirrored) < len(plain)
    for row in mirrored:
        np.testing.assert_array_equal(flipped[row], plain[row][:, ::-1])
    again = by_row(flip=True)
    assert all(np.array_equal(flipped[row], again[row]) for row in flipped)


def test_evaluation_sees_every_image_once_in_the_order_of_the_shards(photos):
    from ray_jobs.training.data import pipeline

    batches = pipeline.evaluation_batches(pipeline.image_examples(photos, 16), of_share(7, 4, 2))
    seen = flat(batches)
    assert [row for _, _, row, weight in seen if weight] == list(range(7))
    assert [weight for *_, weight in seen] == [1.0] * 7 + [0.0]


def test_a_rank_without_an_image_evaluates_zeros_of_no_weight():
    from ray_jobs.training.data import pipeline
    from ray_jobs.training.data.photos import Photos

    batches = pipeline.evaluation_batches(
        pipeline.image_examples(Photos([], {}), 16), of_share(0, 2, 3)
    )
    seen = flat(batches)
    assert len(seen) == 6
    assert not any(weight or image.any() for image, _, _, weight in seen)


def test_features_are_mixed_anew_each_epoch_and_keep_their_labels():
    from ray_jobs.training.data import pipeline

    labels = np.arange(20, dtype=np.int64)
    features = np.repeat(labels[:, None], 4, axis=1).astype(np.float32)
    examples = pipeline.shuffled_feature_examples(features, labels, seed=3)
    first, second = (list(examples(epoch).as_numpy_iterator()) for epoch in (0, 1))
    assert sorted(label for _, label, _ in first) == list(range(20))
    assert [label for _, label, _ in first] != [label for _, label, _ in second]
    assert all((x == label).all() and label == row for x, label, row in first)


def test_sample_ids_are_in_the_order_of_the_rows(photos):
    from ray_jobs.training.data.records import sample_ids

    assert sample_ids(photos) == [hashlib.sha256(image).hexdigest() for image, _ in IMAGES]


def test_our_records_read_as_those_of_tensorflow(tmp_path):
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.data.records import sample_ids
    from tasks.records import frame, image_example

    path = tmp_path / "ours.tfrecord"
    shas = [hashlib.sha256(image).hexdigest() for image, _ in IMAGES]
    path.write_bytes(frame(map(image_example, (image for image, _ in IMAGES), shas)))
    assert sample_ids(Photos([path], roster_of(IMAGES))) == shas


def test_a_shard_is_fetched_once(tmp_path):
    from ray_jobs.training.data.cache import fetch_shards

    store = InMemoryStore()
    ref = store_shard(store, tmp_path, IMAGES)
    (path,) = fetch_shards(store, [ref], tmp_path / "cache")
    store.objects.clear()
    assert fetch_shards(store, [ref], tmp_path / "cache") == [path]


def test_a_shard_that_is_not_the_one_of_the_manifest_is_refused(tmp_path):
    from ray_jobs.training.data.cache import fetch_shards

    store = InMemoryStore()
    ref = store_shard(store, tmp_path, IMAGES)
    store.objects[ref.key] += b"x"
    with pytest.raises(DataError, match=r"has sha256 .* as recorded when it was written"):
        fetch_shards(store, [ref], tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*.tfrecord")) == []


def test_two_ranks_see_disjoint_images_whose_union_is_the_split(tmp_path):
    from ray_jobs.training.data.cache import fetch_shards
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.data.records import sample_ids

    store = InMemoryStore()
    shards = [store_shard(store, tmp_path, IMAGES[n : n + 2]) for n in range(0, 7, 2)]
    shares = [share_of(rank, 2, shards, global_batch=2) for rank in range(2)]
    files = [fetch_shards(store, share.shards, tmp_path) for share in shares]
    seen = [sample_ids(Photos(own, roster_of(IMAGES))) for own in files]
    assert not set(seen[0]) & set(seen[1])
    assert sorted(seen[0] + seen[1]) == sorted(hashlib.sha256(i).hexdigest() for i, _ in IMAGES)
