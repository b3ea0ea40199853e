"""Scores, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from ray_jobs.training.metrics import score, wilson_interval


def test_the_interval_is_wilsons():
    # Wilson's 1927 formula at 325 of 382, worked out with bc to six digits.
    assert wilson_interval(325, 382) == pytest.approx((0.811570, 0.883016), abs=1e-6)


def test_the_interval_of_all_correct_ends_at_one_and_of_none_starts_at_zero():
    assert wilson_interval(10, 10)[1] == pytest.approx(1.0, abs=1e-12)
    assert wilson_interval(0, 10)[0] == 0.0


def test_recall_precision_and_confusion_count_images():
    scores = score(
        ["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b"], run_id="r", model_version=None
    )
    assert (scores.images, scores.correct, scores.accuracy) == (4, 3, 0.75)
    assert scores.confusion == ((2, 1), (0, 1))
    assert scores.classes["a"].recall == pytest.approx(2 / 3)
    assert (scores.classes["a"].precision, scores.classes["b"].precision) == (1.0, 0.5)


def test_an_answer_that_the_data_set_has_no_class_for_is_wrong():
    scores = score(["a", "b"], ["a", "other"], ["a", "b"], run_id="r", model_version=3)
    assert (scores.correct, scores.confusion) == (1, ((1, 0), (0, 0)))


def test_a_rate_without_images_is_absent():
    scores = score(["a"], ["a"], ["a", "b"], run_id="r", model_version=None)
    assert (scores.classes["b"].recall, scores.classes["b"].precision) == (None, None)
