"""What is known of validation in the end: the logits of each image, once, on every worker."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ray_jobs.training.data.share import share_of
from tests.ray_jobs.training.test_step import per_replica, small_net

pytestmark = pytest.mark.tf

X = np.random.default_rng(0).normal(size=(11, 4)).astype(np.float32)
LABELS = np.arange(11) % 3


def expected(net) -> np.ndarray:
    from ray_jobs.training.checkpoint import values_of

    kernel, bias = values_of(net.weights)
    return X @ kernel + bias


def test_two_replicas_bring_their_rows_together_and_filling_places_are_left_out(two_replicas):
    from ray_jobs.training.logits import as_logits, make_logits_step

    net = small_net(two_replicas)
    step = make_logits_step(two_replicas, net, largest_batch=4)
    weights = np.array([1, 1, 1, 1, 1, 1, 0, 0], np.float32)
    rows = step(per_replica(two_replicas, X[:8], LABELS[:8], weights)).numpy()
    assert rows.shape == (8, 5)
    logits, labels = as_logits(rows)
    np.testing.assert_allclose(logits, expected(net)[:6], atol=1e-6)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_replica_with_fewer_images_loses_nothing(two_replicas):
    import tensorflow as tf

    from ray_jobs.training.logits import as_logits, make_logits_step

    net = small_net(two_replicas)

    def halves(array: np.ndarray):
        parts = [array[:4], array[4:5]]
        return two_replicas.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    step = make_logits_step(two_replicas, net, largest_batch=4)
    batch = tuple(halves(array) for array in (X[:5], LABELS[:5], np.ones(5, np.float32)))
    logits, labels = as_logits(step(batch).numpy())
    np.testing.assert_allclose(logits, expected(net)[:5], atol=1e-6)
    assert labels.tolist() == LABELS[:5].tolist()


def test_every_validation_image_is_asked_once_in_batches_that_do_not_fit():
    import tensorflow as tf

    from ray_jobs.training.data import pipeline
    from ray_jobs.training.logits import validation_logits
    from tests.ray_jobs.training.test_share import shards

    strategy, told = tf.distribute.get_strategy(), list[int]()
    net = small_net(strategy)
    subject = SimpleNamespace(
        net=net,
        val=pipeline.feature_examples(X, LABELS),
        val_share=share_of(0, 1, shards(11), global_batch=4),
    )
    logits, labels = validation_logits(strategy, subject, 4, lambda: told.append(1))
    np.testing.assert_allclose(logits, expected(net), atol=1e-6)
    assert labels.tolist() == LABELS.tolist()
    assert len(told) == 3
