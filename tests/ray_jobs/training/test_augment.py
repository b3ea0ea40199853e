"""What chance does to an image, eagerly and inside `tf.data`, and how often."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ray_jobs.contract.recipe import NO_AUGMENT, Augment

pytestmark = pytest.mark.tf

# Twelve by eight pixels, each of its own colour, none of them white.
IMAGE = np.arange(96 * 3, dtype=np.uint16).reshape(8, 12, 3) % 250
IMAGE = IMAGE.astype(np.uint8)
NAMES = [hashlib.sha256(bytes([n // 256, n % 256])).hexdigest() for n in range(1500)]


def keys(epoch: int = 0) -> dict:
    from ray_jobs.training.data import seeds

    return {purpose: seeds.key_of(7, epoch, purpose) for purpose in seeds.Purpose}


def seen(augment: Augment, names: list[str] = NAMES) -> np.ndarray:
    """uint8 [names, 12, 12, 3]: the image under each name, inside `tf.data`."""
    import tensorflow as tf

    from ray_jobs.training.data.augment import augmented
    from ray_jobs.training.data.seeds import counter_of

    given = keys()
    data = tf.data.Dataset.from_tensor_slices(names).map(counter_of)
    return next(
        data.map(lambda counter: augmented(tf.constant(IMAGE), counter, 12, augment, given))
        .batch(len(names))
        .as_numpy_iterator()
    )


def only(**part: object) -> Augment:
    return NO_AUGMENT.model_copy(update=part)


PLAIN = np.pad(IMAGE, [(2, 2), (0, 0), (0, 0)], constant_values=255)


def test_nothing_is_done_where_the_recipe_wants_nothing():
    assert (seen(NO_AUGMENT, NAMES[:20]) == PLAIN).all()


def test_a_name_gives_the_same_image_eagerly_and_in_a_graph():
    import tensorflow as tf

    from ray_jobs.training.data.augment import augmented
    from ray_jobs.training.data.seeds import counter_of

    in_graph = seen(Augment(), NAMES[:20])
    for name, expected in zip(NAMES, in_graph, strict=False):
        counter = counter_of(tf.constant(name))
        eager = augmented(tf.constant(IMAGE), counter, 12, Augment(), keys())
        np.testing.assert_array_equal(eager, expected)


def test_as_many_images_are_erased_as_the_recipe_says():
    assert (seen(only(erase=1.0), NAMES[:200]) != PLAIN).any(axis=(1, 2, 3)).all()
    changed = (seen(only(erase=0.5)) != PLAIN).any(axis=(1, 2, 3))
    assert changed.mean() == pytest.approx(0.5, abs=0.04)


def test_the_noise_of_a_rectangle_is_uniform_and_differs_between_images():
    images = seen(only(erase=1.0))
    noise = images[images != PLAIN]
    assert noise.mean() == pytest.approx(127.5, abs=2)
    assert noise.std() == pytest.approx(256 / 12**0.5, abs=2)
    assert len({image.tobytes() for image in images}) == len(images)


def test_each_of_the_four_ways_to_flip_is_as_frequent():
    images = seen(only(flips=True))
    ways = [PLAIN, PLAIN[::-1], PLAIN[:, ::-1], PLAIN[::-1, ::-1]]
    rates = [(images == way).all(axis=(1, 2, 3)).mean() for way in ways]
    assert sum(rates) == 1
    assert rates == pytest.approx([0.25] * 4, abs=0.04)


def test_flips_are_the_same_eagerly_and_in_a_graph():
    import tensorflow as tf

    from ray_jobs.training.data.augment import flip

    for sides in ([False, False], [True, False], [False, True], [True, True]):
        eager = flip(tf.constant(IMAGE), tf.constant(sides)).numpy()
        steps = [-1 if side else 1 for side in sides]
        np.testing.assert_array_equal(eager, IMAGE[:: steps[0], :: steps[1]])
        data = tf.data.Dataset.from_tensors((IMAGE, sides)).map(flip)
        np.testing.assert_array_equal(next(data.as_numpy_iterator()), eager)


def test_a_shift_is_uniform_and_at_most_what_the_recipe_says():
    import tensorflow as tf

    from ray_jobs.training.data.augment import shift_of

    chances = np.random.default_rng(0).random((4000, 2), np.float32)
    size = tf.constant([200, 300])
    data = tf.data.Dataset.from_tensor_slices(chances).map(lambda c: shift_of(size, 0.05, c))
    moved = next(data.batch(4000).as_numpy_iterator())
    np.testing.assert_array_equal(shift_of(size, 0.05, tf.constant(chances[0])), moved[0])
    assert (moved.min(axis=0).tolist(), moved.max(axis=0).tolist()) == ([-10, -15], [10, 15])
    assert moved.mean(axis=0) == pytest.approx([0, 0], abs=0.5)
    # Uniform on [-10, 10] and [-15, 15]: deviation 20 and 30 over sqrt(12).
    assert moved.std(axis=0) == pytest.approx([20 / 12**0.5, 30 / 12**0.5], rel=0.03)


def test_a_shift_leaves_white():
    images = seen(only(shift=0.5), NAMES[:50])
    for image in images:
        rows, columns = np.nonzero((image != 255).any(axis=2))
        part = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        down, right = rows.min() - 2, columns.min()
        height, width = part.shape[:2]
        top, left = (0 if down > 0 else 8 - height), (0 if right > 0 else 12 - width)
        np.testing.assert_array_equal(part, IMAGE[top : top + height, left : left + width])
