"""The erased rectangle: how large, how long, where; and that nothing but it changes."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf

HEIGHT, WIDTH = 225, 300


def boxes(count: int, size: tuple[int, int]) -> np.ndarray:
    """int32 [count, 4] rectangles of random chances, drawn inside `tf.data`."""
    import tensorflow as tf

    from ray_jobs.training.data.erase import rectangle

    chances = np.random.default_rng(0).random((count, 4), np.float32)
    data = tf.data.Dataset.from_tensor_slices(chances)
    drawn = data.map(lambda c: rectangle(tf.constant(size), c)).batch(count)
    return next(drawn.as_numpy_iterator())


def test_area_and_aspect_have_the_laws_that_are_written():
    _, _, height, width = boxes(4000, (HEIGHT, WIDTH)).T
    area = height * width / (HEIGHT * WIDTH)
    assert area.min() > 0.019
    assert area.max() < 0.303
    # Uniform on [0.02, 0.3]: mean 0.16, deviation 0.28 / sqrt(12).
    assert area.mean() == pytest.approx(0.16, abs=0.005)
    assert area.std() == pytest.approx(0.28 / 12**0.5, abs=0.003)
    aspect = height / width
    assert aspect.min() > 0.3 * 0.95
    assert aspect.max() < 1 / 0.3 * 1.05
    # Small ones fit however long they are: as many stand as lie.
    assert (aspect[area < 0.1] > 1).mean() == pytest.approx(0.5, abs=0.03)


def test_a_rectangle_lies_inside_and_reaches_every_edge():
    top, left, height, width = boxes(4000, (HEIGHT, WIDTH)).T
    assert (top.min(), left.min()) == (0, 0)
    assert ((top + height).max(), (left + width).max()) == (HEIGHT, WIDTH)
    # Uniform among the places where it fits.
    assert (top / (HEIGHT - height + 1)).mean() == pytest.approx(0.5, abs=0.02)
    assert (left / (WIDTH - width + 1)).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (1, 1)])
def test_the_thinnest_image_still_has_room(size: tuple[int, int]):
    top, left, height, width = boxes(200, size).T
    assert min(height.min(), width.min()) == 1
    assert (top + height).max() <= size[0]
    assert (left + width).max() <= size[1]


def test_noise_replaces_the_rectangle_and_nothing_else():
    import tensorflow as tf

    from ray_jobs.training.data.erase import erase

    image, noise = np.zeros((5, 6, 3), np.uint8), np.arange(1, 19, dtype=np.uint8)
    box = [1, 2, 2, 3]
    eager = erase(tf.constant(image), tf.constant(box), tf.constant(noise)).numpy()
    np.testing.assert_array_equal(eager[1:3, 2:5], noise.reshape(2, 3, 3))
    assert eager.sum() == noise.sum()
    data = tf.data.Dataset.from_tensors((image, box, noise)).map(erase)
    np.testing.assert_array_equal(next(data.as_numpy_iterator()), eager)
