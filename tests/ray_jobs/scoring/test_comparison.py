"""Two models beside each other, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.scoring.comparison import compare, mcnemar
from tests.ray_jobs.scoring.answering import answers, drawn, named

FEW = 50


def test_images_that_one_alone_has_right_are_counted_for_it():
    found = compare(named("aabb", "aaab"), named("aabb", "abba"), replicates=FEW)
    # Candidate wrong on the third, champion on the second and the fourth.
    assert (found.candidate_only, found.champion_only) == (2, 1)
    assert found.p_value == pytest.approx((3 + 1) / 8)  # two or three heads of three coins
    assert found.accuracy_difference.value == pytest.approx(0.25)
    assert found.recall_differences["a"].value == pytest.approx(0.5)
    assert found.recall_differences["b"].value == pytest.approx(0.0)


def test_mcnemars_test_is_one_sided_and_knows_no_difference_without_one():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(0, 5) == pytest.approx(1.0)
    assert mcnemar(15, 5) == pytest.approx(21700 / 2**20)  # the sum of comb(20, 15 to 20)


def test_a_model_beside_itself_differs_nowhere():
    same = drawn(np.random.default_rng(1), 200, 0.8)
    found = compare(same, same, replicates=FEW)
    assert found.candidate.model_dump() == found.champion.model_dump()
    assert found.p_value == 1.0
    for difference in (found.accuracy_difference, found.macro_f1_difference):
        assert (difference.value, difference.interval) == (0.0, (0.0, 0.0))


def test_pairs_leave_less_to_chance_than_two_draws():
    given = drawn(np.random.default_rng(2), 500, 0.8)
    spoilt = given.probabilities.copy()
    spoilt[:10] = spoilt[:10, ::-1]
    other = answers(
        "".join(given.classes[label] for label in given.labels), spoilt, classes="abcdef"
    )
    found = compare(other, given)
    low, high = found.accuracy_difference.interval
    alone_low, alone_high = found.candidate.accuracy.interval
    assert high - low < 0.5 * (alone_high - alone_low)


def test_only_the_classes_that_both_know_are_compared():
    found = compare(
        named("aabbc", "aabbc", classes="abc"),
        named("aabbc", "abbbz", classes="abc", of_model="abz"),
        replicates=FEW,
    )
    assert found.classes == ("a", "b")
    assert (found.images, found.images_of_other_classes) == (4, 1)
    assert (found.candidate.images, found.champion.images) == (4, 4)
    assert (found.candidate_only, found.champion_only) == (1, 0)


def test_the_answer_is_the_likeliest_among_the_classes_that_both_know():
    candidate = answers("ab", [[0.3, 0.2, 0.5], [0.1, 0.3, 0.6]], of_model="abz")
    champion = answers("ab", [[0.9, 0.1], [0.9, 0.1]])
    found = compare(candidate, champion, replicates=FEW)
    assert (found.candidate.correct, found.champion.correct) == (2, 1)
    # 0.3 of 0.5 and 0.3 of 0.4: as if the third class had never been there.
    expected = -(np.log(0.6) + np.log(0.75)) / 2
    assert found.candidate.calibration.log_loss.value == pytest.approx(expected)


def test_classes_that_have_nothing_in_common_leave_nothing_to_compare():
    found = compare(
        named("ab", "ab", of_model="abc"), named("ab", "xy", of_model="xyz"), replicates=FEW
    )
    assert (found.classes, found.images, found.images_of_other_classes) == ((), 0, 2)
    assert found.accuracy_difference.value is found.candidate.accuracy.value is None
    assert found.p_value == 1.0


def test_a_class_that_the_champion_alone_knows_loses_all_of_its_recall():
    found = compare(
        named("aabnn", "aabab", classes="abn", of_model="ab"),
        named("aabnn", "aabnb", classes="abn"),
        replicates=FEW,
    )
    lost = found.recall_differences["n"]
    assert (lost.value, lost.images) == (-0.5, 2)
    assert lost.interval == (-1.0, 0.0)
    assert set(found.recall_differences) == {"a", "b", "n"}


def test_a_class_of_the_champion_that_the_version_does_not_have_is_named():
    found = compare(named("ab", "ab"), named("ab", "az", of_model="abz"), replicates=FEW)
    assert found.classes_gone == ("z",)
    assert set(found.recall_differences) == {"a", "b"}


def test_a_class_without_images_has_no_difference():
    found = compare(named("aa", "ab"), named("aa", "aa"), replicates=FEW)
    missing = found.recall_differences["b"]
    assert (missing.value, missing.interval, missing.images) == (None, None, 0)


def test_answers_to_other_images_are_not_compared():
    with pytest.raises(ValueError, match="did not answer the same images"):
        compare(named("ab", "ab"), named("ba", "ab"))
