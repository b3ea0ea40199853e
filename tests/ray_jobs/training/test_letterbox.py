"""The letterbox, eagerly and inside `tf.data`, on images small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf

BLACK_WIDE = np.zeros((2, 4, 3), np.uint8)


def both_ways(image: np.ndarray, image_px: int) -> np.ndarray:
    """The square, which must be the same eagerly and in a graph."""
    import tensorflow as tf

    from ray_jobs.training.data.letterbox import letterbox

    eager = letterbox(image, image_px).numpy()
    data = tf.data.Dataset.from_tensors(image).map(lambda i: letterbox(i, image_px))
    np.testing.assert_array_equal(next(iter(data)).numpy(), eager)
    return eager


def test_a_wide_image_lies_in_the_middle_with_white_above_and_below():
    square = both_ways(BLACK_WIDE, 4)
    assert square.shape == (4, 4, 3)
    assert square.dtype == np.float32
    np.testing.assert_array_equal(square[:, 0, 0], [255, 0, 0, 255])


def test_a_tall_image_has_white_left_and_right_the_odd_column_right():
    square = both_ways(np.zeros((5, 2, 3), np.uint8), 5)
    np.testing.assert_array_equal(square[0, :, 0], [255, 0, 0, 255, 255])


def test_a_square_image_of_the_right_size_is_left_as_it_is():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(both_ways(image, 4), image)


def test_shrinking_averages_over_the_area_of_a_pixel():
    # Columns 0 and 255 in turn: halved, each pixel sees as much of the one as of the other.
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, 1::2] = 255
    np.testing.assert_array_equal(both_ways(stripes, 4), 128)
    # Three columns to two: the middle one is shared out.
    ramp = np.broadcast_to(np.array([0, 90, 240], np.uint8)[None, :, None], (3, 3, 3))
    np.testing.assert_array_equal(both_ways(ramp, 2)[0, :, 0], [30, 190])


def test_enlarging_shows_no_blocks():
    steps = np.broadcast_to(np.array([0, 100], np.uint8)[None, :, None], (2, 2, 3))
    np.testing.assert_array_equal(both_ways(steps, 4)[0, :, 0], [0, 25, 75, 100])


def test_a_smaller_image_is_enlarged():
    np.testing.assert_array_equal(
        both_ways(BLACK_WIDE, 8)[:, 0, 0], [255] * 2 + [0] * 4 + [255] * 2
    )


@pytest.mark.parametrize(
    ("down", "right", "rows"),
    [
        (0, 0, ["....", "abcd", "efgh", "...."]),
        (1, 0, ["....", "....", "abcd", "...."]),
        (-1, 0, ["....", "efgh", "....", "...."]),
        (0, 1, ["....", ".abc", ".efg", "...."]),
        (0, -3, ["....", "d...", "h...", "...."]),
        (1, -1, ["....", "....", "bcd.", "...."]),
    ],
)
def test_an_image_slides_within_its_own_frame(down: int, right: int, rows: list[str]):
    import tensorflow as tf

    from ray_jobs.training.data.letterbox import place

    image = np.repeat(np.frombuffer(b"abcdefgh", np.uint8).reshape(2, 4, 1), 3, axis=2)
    square = place(tf.constant(image), 4, tf.constant([down, right])).numpy()
    seen = ["".join("." if v == 255 else chr(v) for v in row) for row in square[..., 0]]
    assert seen == rows


def test_the_thinnest_image_keeps_one_pixel():
    square = both_ways(np.zeros((1, 300, 3), np.uint8), 32)
    assert (square.min(axis=(1, 2)) < 1).sum() == 1
