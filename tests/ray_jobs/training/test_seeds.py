"""Streams of chance: what must differ differs, what must not does not."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tf


def test_seed_epoch_and_purpose_each_give_a_stream_of_their_own():
    from ray_jobs.training.data.seeds import Purpose, key_of

    keys = {key_of(s, e, p) for s in range(20) for e in range(20) for p in Purpose}
    assert len(keys) == 20 * 20 * len(Purpose)
    assert all(0 <= key < 2**63 for key in keys)


def test_a_key_is_the_same_on_every_machine():
    from ray_jobs.training.data.seeds import Purpose, key_of

    assert key_of(0, 0, Purpose.ORDER) == 7896617691693857887


def test_images_that_differ_late_in_the_first_sixteen_digits_differ_in_all_chances():
    import tensorflow as tf

    from ray_jobs.training.data.seeds import counter_of, uniform

    first, second = ("0123456789abcde" + digit + "0" * 48 for digit in "01")
    drawn = [uniform(9, 3, counter_of(tf.constant(name))).numpy() for name in (first, second)]
    assert not set(drawn[0]) & set(drawn[1])


def test_the_first_turn_draws_as_before_turns_were_counted_and_each_other_anew():
    import tensorflow as tf

    from ray_jobs.training.data.seeds import counter_of, uniform

    name = tf.constant("0123456789abcdef" + "0" * 48)
    assert counter_of(name).numpy().tobytes() == b"0123456789abcdef"
    turns = tf.range(40, dtype=tf.int64)
    drawn = np.stack([uniform(8, 3, counter_of(name, turn)) for turn in turns])
    np.testing.assert_array_equal(drawn[0], uniform(8, 3, counter_of(name)))
    assert len(np.unique(drawn)) == 40 * 8  # none of a turn's numbers is one of another's


def test_numbers_and_bytes_are_uniform():
    import tensorflow as tf

    from ray_jobs.training.data.seeds import counter_of, random_bytes, uniform

    counter = counter_of(tf.constant("f" * 64))
    numbers = uniform(10000, 1, counter).numpy()
    assert 0 <= numbers.min() < numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.01)
    found = random_bytes(tf.constant(256 * 100 + 3), 1, counter).numpy()
    counts = np.bincount(found, minlength=256)
    assert (found.dtype, counts.sum()) == (np.uint8, 256 * 100 + 3)
    # 100 of each expected: chi-square with 255 degrees of freedom, 99.9% below 330.
    assert ((counts - 100) ** 2 / 100).sum() < 330
