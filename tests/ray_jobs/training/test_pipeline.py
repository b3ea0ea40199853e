"""From shards to batches: each image once, the same steps whatever a rank holds."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from ray_jobs.contract.errors import DataError
from ray_jobs.contract.recipe import NO_AUGMENT, Augment
from ray_jobs.recipes import catalog
from ray_jobs.training.data.share import Share, share_of
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.conftest import jpeg, store_shard, write_shard
from tests.ray_jobs.training.rosters import roster_of

pytestmark = pytest.mark.tf

IMAGES = [(jpeg(n), n % 3) for n in range(7)]
# Balanced, an epoch of these nine has three of each class.
SKEWED = [(jpeg(n), max(0, n - 6)) for n in range(9)]


@pytest.fixture
def photos(tmp_path):
    return on_disk(tmp_path, IMAGES[:4], IMAGES[4:])


def on_disk(folder, *shards):
    """Shards of images, all of which count."""
    from ray_jobs.training.data.photos import Photos

    files = [write_shard(folder, part)[0] for part in shards]
    return Photos(files, roster_of(IMAGES, files))


@pytest.fixture
def skewed(tmp_path):
    from ray_jobs.training.data.photos import Photos

    files = [write_shard(tmp_path, part)[0] for part in (SKEWED[:4], SKEWED[4:])]
    return Photos(files, roster_of(SKEWED, files))


def of_share(records: int, batch: int, steps: int) -> Share:
    return Share(shards=(), records=records, batch=batch, steps=steps)


def flat(batches) -> list[tuple[np.ndarray, int, int, float]]:
    return [
        example for batch in batches for example in zip(*(p.numpy() for p in batch), strict=True)
    ]


def batches(photos, *, epoch=0, seed=1, augment=NO_AUGMENT, done=0):
    from ray_jobs.training.data import pipeline

    examples = pipeline.shuffled_image_examples(photos, 16, augment, seed=seed)
    return pipeline.training_batches(examples, epoch, of_share(7, 3, 4), done)


def balanced(skewed, *, epoch=0, augment=NO_AUGMENT, done=0):
    from ray_jobs.training.data import pipeline

    labels = np.array([label for _, label in SKEWED], np.int64)
    examples = pipeline.shuffled_image_examples(skewed, 16, augment, seed=1, balance=labels)
    return pipeline.training_batches(examples, epoch, of_share(9, 4, 4), done)


def training(photos, **key) -> list[tuple[np.ndarray, int, int, float]]:
    """(image, label, row, weight) of an epoch."""
    seen = flat(batches(photos, **key))
    return [(image, label, row, weight) for image, label, _, row, weight in seen]


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


def by_row(photos, **key) -> dict[int, np.ndarray]:
    return {row: image for image, _, row, _ in training(photos, **key)}


def test_without_augmentation_training_sees_what_evaluation_sees(photos):
    from ray_jobs.training.data import pipeline

    seen = by_row(photos)
    assert seen[0].dtype == np.uint8
    for image, _, row in pipeline.image_examples(photos, 16).as_numpy_iterator():
        np.testing.assert_array_equal(seen[row], image)


def test_an_image_is_changed_by_seed_epoch_and_its_own_hash_alone(photos, tmp_path):
    whole = by_row(photos, augment=Augment())
    # As the second rank of two would hold it: other shards, other rows, other neighbours.
    alone = by_row(on_disk(tmp_path, IMAGES[4:]), augment=Augment())
    for row in range(3):
        np.testing.assert_array_equal(alone[row], whole[4 + row])
    other = by_row(photos, augment=Augment(), epoch=1)
    assert sum(np.array_equal(whole[row], other[row]) for row in whole) <= 1


def assert_goes_on(batches_after, steps: int) -> None:
    """That the batches after `done` steps are bit for bit those of an undisturbed epoch."""
    undisturbed = list(batches_after(0).as_numpy_iterator())
    assert len(undisturbed) == steps
    for done in range(1, steps + 1):
        rest = list(batches_after(done).as_numpy_iterator())
        for batch, expected in zip(rest, undisturbed[done:], strict=True):
            for part, whole in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("shuffled", [2, 5, 4096])
def test_a_fresh_pipeline_goes_on_at_a_step_as_an_undisturbed_one(photos, monkeypatch, shuffled):
    # Of 12 places the last 5 only fill up: the last step begins among them.
    monkeypatch.setattr("ray_jobs.training.data.pipeline._SHUFFLED", shuffled)
    key = {"augment": Augment(), "seed": 3, "epoch": 2}
    assert_goes_on(lambda done: batches(photos, **key, done=done), steps=4)


def test_features_go_on_at_a_step_as_undisturbed_ones():
    from ray_jobs.training.data import pipeline

    labels = np.arange(7, dtype=np.int64)
    features = np.repeat(labels[:, None], 4, axis=1).astype(np.float32)
    examples = pipeline.shuffled_feature_examples(features, labels, seed=3)
    share = of_share(7, 3, 6)
    assert_goes_on(lambda done: pipeline.training_batches(examples, 1, share, done), steps=6)


def test_what_is_skipped_is_not_decoded(photos, tmp_path):
    import tensorflow as tf

    from ray_jobs.training.data import pipeline
    from ray_jobs.training.data.photos import Photos

    first = {row for _, _, row, _ in training(photos)[:3]}
    spoilt = [(b"%d" % row if row in first else i, n) for row, (i, n) in enumerate(IMAGES)]
    file, _ = write_shard(tmp_path, spoilt)
    spoilt_photos = Photos([file], roster_of(spoilt, [file]))
    examples = pipeline.shuffled_image_examples(spoilt_photos, 16, NO_AUGMENT, seed=1)
    share = of_share(7, 3, 2)
    assert len(list(pipeline.training_batches(examples, 0, share, done=1))) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        list(pipeline.training_batches(examples, 0, share))


def test_only_a_recipe_that_mixes_gives_shares_other_than_one(photos):
    def shares(mixup: float) -> np.ndarray:
        augment = NO_AUGMENT.model_copy(update={"mixup": mixup})
        return np.concatenate([b[2] for b in batches(photos, augment=augment).as_numpy_iterator()])

    np.testing.assert_array_equal(shares(0.0), 1)
    mixed = shares(1.0)
    assert (mixed >= 0.5).all()
    assert len(set(mixed)) == len(IMAGES)  # a filling place repeats the share of its image


def test_a_balanced_epoch_has_its_images_as_often_as_counted(skewed):
    from ray_jobs.training.data.balance import appearances
    from ray_jobs.training.data.seeds import Purpose, key_of

    for epoch in range(3):
        seen = flat(balanced(skewed, epoch=epoch))
        assert [weight for *_, weight in seen] == [1.0] * 9 + [0.0] * 7
        assert all(label == SKEWED[row][1] for _, label, _, row, _ in seen)
        often = appearances(np.array([n for _, n in SKEWED]), key_of(1, epoch, Purpose.BALANCE))
        assert Counter(row for *_, row, _ in seen[:9]) == Counter(np.repeat(range(9), often))


def test_an_image_is_changed_anew_each_time_that_it_appears(skewed):
    from ray_jobs.training.data import pipeline

    augment = Augment(erase=1.0, mixup=1.0)
    shown = [
        (x.tobytes(), share)
        for x, _, share, row, _ in flat(balanced(skewed, augment=augment))
        if row == 8
    ]
    examples = pipeline.shuffled_image_examples(skewed, 16, augment, seed=1)(0, 0).take(9)
    once = next(
        (x.tobytes(), share) for x, _, share, row in examples.as_numpy_iterator() if row == 8
    )
    assert len({image for image, _ in shown[:3]}) == len({share for _, share in shown[:3]}) == 3
    # The first is that of an epoch without balance; a filling place shows one of the three again.
    assert once in shown[:3]
    assert set(shown[3:]) <= set(shown[:3])


@pytest.mark.parametrize("shuffled", [2, 4096])
def test_a_balanced_epoch_goes_on_at_a_step_as_an_undisturbed_one(skewed, monkeypatch, shuffled):
    monkeypatch.setattr("ray_jobs.training.data.pipeline._SHUFFLED", shuffled)
    assert_goes_on(lambda done: balanced(skewed, epoch=1, augment=Augment(), done=done), steps=4)


def test_balanced_features_show_the_classes_equally_often_and_in_time_every_row():
    from ray_jobs.training.data import pipeline

    labels = np.array([label for _, label in SKEWED], np.int64)
    features = np.repeat(np.arange(9)[:, None], 4, axis=1).astype(np.float32)
    examples = pipeline.shuffled_feature_examples(features, labels, seed=3, balanced=True)
    epochs = [list(examples(epoch, 0).take(9).as_numpy_iterator()) for epoch in range(20)]
    for epoch in epochs:
        assert Counter(label for _, label, *_ in epoch) == {0: 3, 1: 3, 2: 3}
        assert all((x == row).all() and label == labels[row] for x, label, _, row in epoch)
    assert {row for epoch in epochs for *_, row in epoch} == set(range(9))


def test_a_preview_of_a_balanced_recipe_is_balanced(skewed):
    from ray_jobs.training.data.preview import preview_batch

    recipe = catalog.resolve("b0_scratch", {"image_px": 32, "augment.mixup": 0})
    recipe = recipe.model_copy(update={"augment": NO_AUGMENT, "balanced": True})
    seen = Counter(x.tobytes() for x in preview_batch(skewed, recipe, seed=1, images=99))
    assert sorted(seen.values()) == [1, 1, 1, 3, 3]


def test_a_preview_is_what_the_first_epoch_shows(photos):
    from ray_jobs.training.data.preview import preview_batch

    recipe = catalog.resolve("b0_scratch", {"image_px": 32, "augment.mixup": 0})
    seen = preview_batch(photos, recipe, seed=1, images=4)
    assert (seen.shape, seen.dtype) == ((4, 32, 32, 3), np.uint8)
    again = preview_batch(photos, recipe, seed=1, images=4)
    np.testing.assert_array_equal(seen, again)
    mixed = catalog.resolve("b0_scratch", {"image_px": 32, "augment.mixup": 1})
    assert (preview_batch(photos, mixed, seed=1, images=4) != seen).any(axis=(1, 2, 3)).all()


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
    first, second = (list(examples(epoch, 0).take(20).as_numpy_iterator()) for epoch in (0, 1))
    assert sorted(label for _, label, *_ in first) == list(range(20))
    assert [label for _, label, *_ in first] != [label for _, label, *_ in second]
    assert all((x == label).all() and label == row for x, label, _, row in first)
    assert all(share == 1 for *_, share, _ in first)


def test_samples_and_their_labels_are_in_the_order_of_the_rows(photos):
    from ray_jobs.training.data.records import samples_of

    samples, labels = samples_of(photos)
    assert samples == [hashlib.sha256(image).hexdigest() for image, _ in IMAGES]
    assert (labels.tolist(), labels.dtype) == ([0, 1, 2, 0, 1, 2, 0], np.int64)


def test_our_records_read_as_those_of_tensorflow(tmp_path):
    from ray_jobs.training.data.photos import Photos
    from ray_jobs.training.data.records import samples_of
    from tasks.shards.records import frame, image_example

    path = tmp_path / "ours.tfrecord"
    shas = [hashlib.sha256(image).hexdigest() for image, _ in IMAGES]
    path.write_bytes(frame(map(image_example, (image for image, _ in IMAGES), shas)))
    assert samples_of(Photos([path], roster_of(IMAGES, [path])))[0] == shas


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
    from ray_jobs.training.data.records import samples_of

    store = InMemoryStore()
    shards = [store_shard(store, tmp_path, IMAGES[n : n + 2]) for n in range(0, 7, 2)]
    shares = [share_of(rank, 2, shards, global_batch=2) for rank in range(2)]
    files = [fetch_shards(store, share.shards, tmp_path) for share in shares]
    seen = [samples_of(Photos(own, roster_of(IMAGES, own)))[0] for own in files]
    assert not set(seen[0]) & set(seen[1])
    assert sorted(seen[0] + seen[1]) == sorted(hashlib.sha256(i).hexdigest() for i, _ in IMAGES)
