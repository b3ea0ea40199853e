"""The bootstrap: exact where it can be worked out, and right as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.scoring.bootstrap import interval_of, resampled
from ray_jobs.scoring.scores import score
from tests.ray_jobs.scoring.answering import drawn


def test_a_group_is_drawn_as_a_whole():
    values = np.array([[1.0], [1.0], [10.0], [10.0], [100.0]])
    sums = resampled(values, np.array([0, 0, 1, 1, 2]), 200).ravel()
    # Three draws from 2, 20 and 100: never one image of a pair alone.
    possible = {a + b + c for a in (2, 20, 100) for b in (2, 20, 100) for c in (2, 20, 100)}
    assert set(sums.tolist()) <= possible
    assert len(set(sums.tolist())) > 5


def test_the_spread_is_that_of_as_many_groups_as_there_are():
    values = np.array([[0.0], [1.0]] * 50)
    sums = resampled(values, np.arange(100), 4000)
    assert sums.mean() == pytest.approx(50, abs=0.4)
    assert sums.std() == pytest.approx(5, abs=0.25)  # the square root of 100 / 4


def test_the_same_images_give_the_same_replicates_at_any_time():
    values = np.random.default_rng(0).random((40, 3))
    groups = np.array([f"group-{n % 30}" for n in range(40)])
    np.testing.assert_array_equal(resampled(values, groups, 20), resampled(values, groups, 20))


def test_replicates_are_the_same_however_many_are_drawn_at_once(monkeypatch):
    values, groups = np.random.default_rng(0).random((40, 3)), np.arange(40)
    whole = resampled(values, groups, 25)
    monkeypatch.setattr("ray_jobs.scoring.bootstrap._WEIGHTS_AT_ONCE", 3 * 40)
    np.testing.assert_allclose(resampled(values, groups, 25), whole)


def test_an_interval_is_of_the_middle_and_leaves_undefined_replicates_out():
    values = np.concatenate([np.arange(101.0), [np.nan] * 7])
    assert interval_of(values) == pytest.approx((2.5, 97.5))
    assert interval_of(np.array([np.nan, np.nan])) is None


def test_an_interval_is_numpys_percentile():
    values = np.random.default_rng(0).normal(size=333)
    assert interval_of(values) == pytest.approx(tuple(np.percentile(values, (2.5, 97.5))))


def test_near_duplicates_make_an_interval_wider():
    chance = np.random.default_rng(6)
    once = drawn(chance, 200, 0.8)
    rows = np.repeat(np.arange(200), 4)
    copied = once.at(rows)
    alone = drawn(chance, 800, 0.8)
    widths = [np.ptp(score(one).accuracy.interval) for one in (copied, once, alone)]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)
    assert widths[0] > 1.5 * widths[2]


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    chance, held = np.random.default_rng(7), {"groups": 0, "images": 0}
    for _ in range(300):
        # 80 groups of one to six near-duplicates, right or wrong together four times in five.
        sizes = chance.integers(1, 7, 80)
        groups = np.repeat(np.arange(80), sizes)
        right = np.repeat(chance.random(80) < 0.8, sizes)
        values = np.column_stack([right, np.ones_like(right)]).astype(float)
        for kind, own in (("groups", groups), ("images", np.arange(len(groups)))):
            hits, images = resampled(values, own, 200).T
            low, high = interval_of(hits / images)
            held[kind] += low <= 0.8 <= high
    # 95% of 300 is 285, give or take 4; images that are drawn alone promise far too much.
    assert 272 <= held["groups"] <= 296
    assert held["images"] < 240
