"""Calibration, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.scoring.calibration import (
    bins_of,
    calibrate,
    calibration_error,
    reliability,
    tempered,
)


def test_the_error_is_the_gap_of_each_bin_by_its_images():
    sure = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    right = np.array([True, True, True, False, True, False])
    # Four images 0.15 too sure, two exactly as sure as right.
    assert calibration_error(sure, right) == pytest.approx(4 / 6 * 0.15)


def test_gaps_of_different_bins_do_not_make_up_for_each_other():
    sure, right = np.array([0.95, 0.55]), np.array([False, True])
    assert calibration_error(sure, right) == pytest.approx((0.95 + 0.45) / 2)


def test_without_images_there_is_no_error():
    assert calibration_error(np.empty(0), np.empty(0, bool)) is None


def test_a_bin_ends_with_its_upper_edge():
    assert bins_of(np.array([0.0, 1 / 15, 0.07, 0.99, 1.0])).tolist() == [0, 0, 1, 14, 14]


def test_bins_tell_how_sure_and_how_right():
    bins = reliability(np.array([0.95, 1.0, 0.5]), np.array([True, False, True]))
    last, middle = bins[14], bins[7]
    assert (last.images, last.confidence, last.accuracy) == (2, pytest.approx(0.975), 0.5)
    assert (middle.images, middle.confidence, middle.accuracy) == (1, 0.5, 1.0)
    assert (bins[0].images, bins[0].confidence, bins[0].accuracy) == (0, None, None)
    assert (last.low, last.high) == pytest.approx((14 / 15, 1.0))


def test_a_temperature_divides_the_logits():
    shares = tempered(np.array([[0.9, 0.1]]), 2.0)
    assert shares.tolist() == [pytest.approx([0.75, 0.25])]  # ln 9 becomes ln 3
    assert tempered(shares, 0.5).tolist() == [pytest.approx([0.9, 0.1])]


def test_a_probability_of_nothing_stays_a_number():
    assert np.isfinite(tempered(np.array([[1.0, 0.0]]), 0.05)).all()


def overconfident(chance: np.random.Generator, images: int, factor: float):
    """Logits that are `factor` times those that the labels were drawn by."""
    honest = 2 * chance.normal(size=(images, 4))
    shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    return factor * honest, np.array([chance.choice(4, p=row) for row in shares])


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_is_how_much_too_sure_the_logits_are(factor):
    logits, labels = overconfident(np.random.default_rng(8), 4000, factor)
    found = calibrate(logits, labels)
    assert found.temperature == pytest.approx(factor, rel=0.1)
    assert found.images == 4000
    assert found.log_loss <= found.log_loss_before


def test_calibrating_makes_the_error_less():
    found = calibrate(*overconfident(np.random.default_rng(9), 4000, 3.0))
    assert found.error_before > 0.1
    assert found.error < 0.03


def test_the_log_loss_is_least_at_the_temperature():
    logits, labels = overconfident(np.random.default_rng(10), 500, 2.0)
    best = calibrate(logits, labels)
    for other in (0.95, 1.05):
        beside = calibrate(logits / (best.temperature * other), labels).log_loss_before
        assert beside > best.log_loss


def test_logits_that_are_always_right_end_at_the_bound_and_not_at_nothing():
    found = calibrate(np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([0, 1]))
    assert found.temperature == pytest.approx(0.25, rel=0.01)
