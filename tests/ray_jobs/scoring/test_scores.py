"""Scores, against figures worked out by hand and against scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from ray_jobs.scoring.scores import score
from tests.ray_jobs.scoring.answering import answers, drawn, named

FEW = 50


def test_recall_precision_f1_and_confusion_count_images():
    scores = score(named("aaab", "aabb"), replicates=FEW)
    assert (scores.images, scores.correct, scores.accuracy.value) == (4, 3, 0.75)
    assert scores.confusion == ((2, 1), (0, 1))
    first, second = scores.classes["a"], scores.classes["b"]
    assert (first.images, first.answered, first.correct) == (3, 2, 2)
    assert first.recall.value == pytest.approx(2 / 3)
    assert (first.precision.value, second.precision.value) == (1.0, 0.5)
    assert (first.f1.value, second.f1.value) == pytest.approx((0.8, 2 / 3))
    assert scores.macro_f1.value == pytest.approx((0.8 + 2 / 3) / 2)


def test_each_figure_tells_the_images_it_rests_on():
    first = score(named("aaab", "aabb"), replicates=FEW).classes["b"]
    # Shown once, answered twice, of which once both.
    assert (first.recall.images, first.precision.images, first.f1.images) == (1, 2, 2)


def test_an_answer_that_the_images_have_no_class_for_is_wrong_and_has_no_column():
    scores = score(named("ab", "az", of_model="abz"), replicates=FEW)
    assert (scores.correct, scores.confusion) == (1, ((1, 0), (0, 0)))
    assert scores.classes["b"].recall.value == 0.0


def test_a_figure_without_images_is_absent_with_its_count():
    absent = score(named("a", "a"), replicates=FEW).classes["b"]
    for figure in (absent.recall, absent.precision, absent.f1):
        assert (figure.value, figure.interval, figure.images) == (None, None, 0)


def test_no_images_at_all_leave_every_figure_absent():
    scores = score(answers("", [], classes="abcd"), replicates=FEW)
    assert scores.accuracy.value is scores.macro_f1.value is scores.calibration.error.value is None
    assert scores.top3.value is scores.calibration.log_loss_before.value is None
    assert scores.calibration.error_before.images == scores.top3.images == 0


def test_macro_f1_is_of_the_classes_that_have_images():
    scores = score(named("aab", "aac", classes="abc"), replicates=FEW)
    # F1 of a is 1, of b 0; c has no image, though it was answered.
    assert scores.macro_f1.value == pytest.approx(0.5)
    assert scores.classes["c"].f1.value == 0.0


def test_the_third_likeliest_is_among_three_and_the_fourth_is_not():
    rows = [[0.4, 0.3, 0.2, 0.1]] * 2
    top3 = score(answers("cd", rows, classes="abcd"), replicates=FEW).top3
    assert top3.value == 0.5


def test_of_three_classes_top3_is_absent_with_its_count():
    top3 = score(named("abc", "abc", classes="abc"), replicates=FEW).top3
    assert (top3.value, top3.interval, top3.images) == (None, None, 3)


def test_log_loss_is_the_mean_of_minus_the_logarithm_of_the_true_class():
    found = score(answers("ab", [[0.5, 0.5], [0.75, 0.25]]), replicates=FEW).calibration
    assert found.log_loss.value == pytest.approx((np.log(2) + np.log(4)) / 2)


def test_an_image_of_a_class_that_the_model_does_not_know_is_no_matter_of_its_log_loss():
    found = score(answers("ac", [[0.5, 0.5]] * 2, classes="abc", of_model="ab"), replicates=FEW)
    assert found.calibration.log_loss.value == pytest.approx(np.log(2))
    assert (found.calibration.log_loss.images, found.images) == (1, 2)


def test_what_the_temperature_did_is_taken_out_for_the_figures_before_it():
    # Logits (ln 9, 0): 0.9 and 0.1; at a temperature of 2, (ln 3, 0): 0.75 and 0.25.
    found = score(answers("a", [[0.75, 0.25]], temperature=2.0), replicates=FEW).calibration
    assert found.log_loss.value == pytest.approx(-np.log(0.75))
    assert found.log_loss_before.value == pytest.approx(-np.log(0.9))
    assert (found.error.value, found.error_before.value) == pytest.approx((0.25, 0.1))


def test_the_figures_before_the_temperature_have_the_intervals_of_a_model_that_says_them():
    given = drawn(np.random.default_rng(6), 200, 0.8)
    told = replace(given, model=replace(given.model, temperature=2.0))
    found = score(told, replicates=FEW).calibration
    itself = score(told.before_temperature, replicates=FEW).calibration
    for before, expected in (
        (found.error_before, itself.error),
        (found.log_loss_before, itself.log_loss),
    ):
        assert before.value == pytest.approx(expected.value)
        assert before.interval == pytest.approx(expected.interval)
        assert before.images == 200


def test_all_figures_are_those_of_scikit_learn():
    given = drawn(np.random.default_rng(3), 400, 0.8)
    scores, said = score(given, replicates=FEW), given.probabilities.argmax(axis=1)
    recall_precision_f1 = metrics.precision_recall_fscore_support(given.labels, said)
    for index, name in enumerate(given.classes):
        one = scores.classes[name]
        found = (one.precision.value, one.recall.value, one.f1.value, one.images)
        assert found == pytest.approx(tuple(part[index] for part in recall_precision_f1))
    assert scores.accuracy.value == pytest.approx(metrics.accuracy_score(given.labels, said))
    assert scores.macro_f1.value == pytest.approx(
        metrics.f1_score(given.labels, said, average="macro")
    )
    assert scores.top3.value == pytest.approx(
        metrics.top_k_accuracy_score(given.labels, given.probabilities, k=3)
    )
    assert scores.calibration.log_loss.value == pytest.approx(
        metrics.log_loss(given.labels, given.probabilities)
    )
    np.testing.assert_array_equal(scores.confusion, metrics.confusion_matrix(given.labels, said))


def test_counts_add_up():
    scores = score(drawn(np.random.default_rng(4), 300, 0.7), replicates=FEW)
    classes = scores.classes.values()
    assert sum(one.images for one in classes) == scores.images == 300
    assert sum(one.answered for one in classes) == 300
    assert sum(one.correct for one in classes) == scores.correct
    assert sum(b.images for b in scores.calibration.bins) == 300
    assert [sum(row) for row in scores.confusion] == [one.images for one in classes]


def test_the_order_of_the_images_does_not_matter():
    given = drawn(np.random.default_rng(5), 100, 0.8)
    turned = given.at(np.arange(100)[::-1])
    before, after = (score(one, replicates=FEW).model_dump() for one in (given, turned))
    assert before["accuracy"] == after["accuracy"]
    assert before["classes"] == after["classes"]
