"""Validation is exact: each image counts once, however many workers share it out."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.training.data.share import share_of
from tests.ray_jobs.training.conftest import jpeg, write_shard
from tests.ray_jobs.training.rosters import roster_of

pytestmark = pytest.mark.tf

IMAGES = [(jpeg(n), n % 3) for n in range(11)]
PX = 16


@pytest.fixture
def shards(tmp_path):
    """Four shards of 5, 1, 3 and 2 images: they do not share out evenly."""
    return [write_shard(tmp_path, IMAGES[a:b]) for a, b in [(0, 5), (5, 6), (6, 9), (9, 11)]]


def small_net():
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((PX, PX, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )


def batches_of(rank, world, shards):
    """What one rank of several gives to its evaluation step."""
    from ray_jobs.training.data import pipeline
    from ray_jobs.training.data.photos import Photos

    share = share_of(rank, world, [ref for _, ref in shards], global_batch=6)
    files = [path for path, ref in shards if ref in share.shards]
    examples = pipeline.image_examples(Photos(files, roster_of(IMAGES, files)), PX)
    return list(pipeline.evaluation_batches(examples, share))


def judged(world, shards):
    """The sums over the ranks of a world, of one network."""
    import tensorflow as tf

    from ray_jobs.training.answer import Sums, as_sums
    from ray_jobs.training.step import make_evaluation_step

    step = make_evaluation_step(
        tf.distribute.OneDeviceStrategy("CPU:0"), small_net(), smoothing=0.1
    )
    total, steps = Sums(0.0, 0.0, 0.0), set()
    for rank in range(world):
        batches = batches_of(rank, world, shards)
        steps.add(len(batches))
        for x, labels, _, weights in batches:
            total = total.plus(as_sums(step((x / 255, labels, weights))))
    assert len(steps) == 1  # a rank that ended early would leave the others waiting
    return total


def test_one_two_and_three_workers_come_to_the_same(shards):
    alone = judged(1, shards)
    assert alone.images == 11
    assert 0 < alone.correct < 11
    for world in (2, 3, 6):
        total = judged(world, shards)
        assert (total.correct, total.images) == (alone.correct, alone.images)
        np.testing.assert_allclose(total.loss, alone.loss, rtol=1e-6)


def test_two_replicas_sum_up_what_two_ranks_hold(shards, two_replicas):
    import tensorflow as tf

    from ray_jobs.training.answer import Sums, as_sums
    from ray_jobs.training.step import make_evaluation_step

    with two_replicas.scope():
        step = make_evaluation_step(two_replicas, small_net(), smoothing=0.1)
    total = Sums(0.0, 0.0, 0.0)
    for parts in zip(*(batches_of(rank, 2, shards) for rank in (0, 1)), strict=True):
        x, labels, weights = (
            two_replicas.experimental_distribute_values_from_function(
                lambda context, place=place, parts=parts: parts[context.replica_id_in_sync_group][
                    place
                ]
            )
            for place in (0, 1, 3)
        )
        scaled = two_replicas.run(lambda own: tf.cast(own, tf.float32) / 255, args=(x,))
        total = total.plus(as_sums(step((scaled, labels, weights))))
    alone = judged(1, shards)
    assert (total.correct, total.images) == (alone.correct, alone.images)
    np.testing.assert_allclose(total.loss, alone.loss, rtol=1e-6)
