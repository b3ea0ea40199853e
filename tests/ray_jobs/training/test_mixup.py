"""Mixup: the law of the shares, and the sum of two images by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf


def shares(alpha: float, count: int = 4000) -> np.ndarray:
    """float32 [count], drawn inside `tf.data`."""
    import tensorflow as tf

    from ray_jobs.training.data.mixup import share_of_leader

    counters = np.random.default_rng(0).integers(0, 2**63, (count, 2)).astype(np.uint64)
    data = tf.data.Dataset.from_tensor_slices(counters).map(lambda c: share_of_leader(alpha, 5, c))
    drawn = next(data.batch(count).as_numpy_iterator())
    np.testing.assert_array_equal(share_of_leader(alpha, 5, tf.constant(counters[0])), drawn[0])
    return drawn


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_are_the_larger_of_two_of_a_beta(alpha: float):
    drawn = shares(alpha)
    assert 0.5 <= drawn.min() <= drawn.max() <= 1
    # About 1/2, Beta(a, a) and the larger of its two have the same even moments: the second is
    # 1 / (4 (2a + 1)), the fourth 3 / (16 (2a + 1) (2a + 3)).
    second, fourth = ((drawn - 0.5) ** 2).mean(), ((drawn - 0.5) ** 4).mean()
    assert second == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
    assert fourth == pytest.approx(3 / (16 * (2 * alpha + 1) * (2 * alpha + 3)), rel=0.04)


def test_an_alpha_next_to_nothing_mixes_next_to_nothing():
    assert shares(1e-4, count=500).mean() == pytest.approx(1, abs=0.01)


def test_each_image_is_mixed_with_the_one_at_its_place_from_the_end():
    import tensorflow as tf

    from ray_jobs.training.data.mixup import mix

    images = np.array([[[0.0]], [[100.0]], [[200.0]]], np.float32)
    own = np.array([0.5, 0.75, 1.0], np.float32)
    eager = mix(tf.constant(images), tf.constant(own)).numpy()
    np.testing.assert_array_equal(eager.ravel(), [100, 100, 200])
    data = tf.data.Dataset.from_tensors((images, own)).map(mix)
    np.testing.assert_array_equal(next(data.as_numpy_iterator()), eager)


def test_a_mixed_target_has_both_labels_and_sums_to_one():
    import tensorflow as tf

    from ray_jobs.training.data.mixup import mix

    targets = tf.one_hot([0, 2], 3)
    np.testing.assert_allclose(
        mix(targets, tf.constant([0.9, 0.6])), [[0.9, 0, 0.1], [0.4, 0, 0.6]], atol=1e-6
    )
