"""The learning rate of every step, against numbers worked out by hand."""

from __future__ import annotations

import doctest
import math

import pytest

from ray_jobs.contract.recipe import Schedule
from ray_jobs.training import schedule
from ray_jobs.training.schedule import plateau_factor, rate_table, warmup_cosine


@pytest.mark.parametrize("module", [schedule])
def test_the_examples_in_the_docs_hold(module):
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.1),  # warm-up from 0.1 to 0.5 in four steps
        (1, 0.2),
        (3, 0.4),
        (4, 0.5),
        (6, 0.5),  # the hold ends at 4 + 2
        (7, 0.25 * (1 + math.cos(math.pi / 4))),
        (8, 0.25),  # half-way down
        (10, 0.0),
        (11, 0.0),
        (1000, 0.0),
    ],
)
def test_it_warms_up_holds_and_falls_by_half_a_cosine(step: int, rate: float):
    found = warmup_cosine(
        step, base_lr=0.5, total_steps=10, warmup_lr=0.1, warmup_steps=4, hold_steps=2
    )
    assert found == pytest.approx(rate, abs=1e-15)


def test_without_warm_up_it_starts_at_its_peak():
    assert warmup_cosine(0, base_lr=0.5, total_steps=10) == 0.5


def test_a_training_that_is_all_warm_up_and_hold_ends_at_the_peak_and_is_nothing_after():
    rates = [
        warmup_cosine(s, base_lr=0.4, total_steps=4, warmup_steps=2, hold_steps=2)
        for s in (0, 1, 2, 4, 5)
    ]
    assert rates == [0.0, 0.2, 0.4, 0.4, 0.0]


def test_warm_up_and_hold_beyond_the_total_are_refused():
    with pytest.raises(ValueError, match=r"total_steps is 3; expected at least .* 2 \+ 2"):
        warmup_cosine(0, base_lr=0.4, total_steps=3, warmup_steps=2, hold_steps=2)


def test_a_warm_up_that_starts_above_the_peak_is_refused():
    with pytest.raises(ValueError, match=r"base_lr is 0.1; expected at least warmup_lr, 0.2"):
        warmup_cosine(0, base_lr=0.1, total_steps=3, warmup_lr=0.2, warmup_steps=1)


def test_without_a_warm_up_its_rate_does_not_matter():
    assert warmup_cosine(0, base_lr=0.1, total_steps=3, warmup_lr=0.2) == 0.1


def test_a_warm_up_and_a_hold_that_both_round_up_still_end_with_the_training():
    # Three steps: 1.5 of warm-up become 2, and leave 1 of the 1.5 of hold.
    halves = Schedule(base_lr=0.4, warmup_epochs=0.5, hold_epochs=0.5)
    assert rate_table(halves, epochs=1, steps=3) == [0.0, 0.2, 0.4, 0.4]


@pytest.mark.parametrize("kind", ["constant", "plateau"])
def test_what_does_not_fall_warms_up_and_stays(kind: str):
    steady = Schedule(kind=kind, base_lr=0.4, warmup_epochs=1)
    assert rate_table(steady, epochs=3, steps=2) == [0.0, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4]


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([], 1.0),
        ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 1.0),
        ([1.0] * 5, 1.0),  # the first of them was progress
        ([1.0] * 6, 0.1),
        ([1.0] * 10, 0.1),
        ([1.0] * 11, 0.01),
        ([1.0, *[0.99995] * 5], 0.1),  # less than 1e-4 better is no progress
        ([1.0, 1.1, 1.1, 1.1, 1.1, 0.5, 0.6, 0.6, 0.6, 0.6], 1.0),
        ([float("nan")] * 5, 0.1),
    ],
)
def test_the_rate_is_a_tenth_after_five_epochs_without_progress(losses: list[float], factor: float):
    assert plateau_factor(losses, patience=5) == pytest.approx(factor)
