"""How often the whole gate errs, and how often it sees what is there.

More differences, and the other aim, are in `infra/docs/gate.md` (`make bench-gate`).
"""

from __future__ import annotations

import pytest

from ray_jobs.contract.verdict import Decision, Policy
from tests.tasks.judging.rivals import decisions

pytestmark = pytest.mark.simulation

DRAWS = 1000


def test_equally_good_models_are_swapped_at_no_more_than_the_stated_rate():
    policy = Policy()
    promoted = decisions(0.90, 0.90, policy, draws=DRAWS)[Decision.PROMOTED]
    assert 0 < promoted <= policy.error_rate * DRAWS  # strict, and not shut


def test_nor_are_they_on_photos_in_bursts_of_ten():
    # McNemar's test, which takes each photo for one of its own, calls 80 of these 300 better; a
    # bootstrap that drew single photos would let 55 through.
    policy, draws = Policy(), 300
    promoted = decisions(0.90, 0.90, policy, draws=draws, groups=200)[Decision.PROMOTED]
    assert 0 < promoted <= policy.error_rate * draws


def test_a_model_that_is_three_points_better_is_promoted_nine_times_in_ten():
    promoted = decisions(0.93, 0.90, Policy(), draws=DRAWS)[Decision.PROMOTED]
    assert promoted >= 0.9 * DRAWS
