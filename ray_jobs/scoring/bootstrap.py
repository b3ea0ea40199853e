"""Intervals by a bootstrap over groups of near-duplicates.

Images of one group are right or wrong together: they are drawn together. Sources: Efron and
Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile intervals); Davison and
Hinkley 1997, "Bootstrap Methods and their Application", section 3.8 (whole groups are drawn).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.evaluation import Interval

Floats = NDArray[np.float64]

REPLICATES = 2000
_SEED = 1
_TAILS = (0.025, 0.975)
_WEIGHTS_AT_ONCE = 2**22  # 32 MB of them


def resampled(values: Floats, groups: NDArray[Any], replicates: int) -> Floats:
    """What a split's sums would be, had chance chosen its groups again.

    Args:
      values: float64 [N, K], what each image adds to each of K sums.
      groups: [N], whose it is.
      replicates: how often.

    Returns:
      float64 [replicates, K]; the same for the same arguments, always.
    """
    names, own = np.unique(groups, return_inverse=True)
    # The same sums as `numpy.add.at`, to the last digit, in a quarter of its time.
    sums = np.column_stack([np.bincount(own, column, len(names)) for column in values.T])
    at_once = max(1, _WEIGHTS_AT_ONCE // max(1, len(names)))
    if replicates <= at_once:
        return _first_drawn(replicates, len(names)) @ sums
    chance = np.random.default_rng(_SEED)
    counts = [min(at_once, replicates - done) for done in range(0, replicates, at_once)]
    parts = [_drawn(chance, count, len(names)) @ sums for count in counts]
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _first_drawn(replicates: int, groups: int) -> Floats:
    """The draws that come first, kept: two models on the same images ask for the same."""
    return _drawn(np.random.default_rng(_SEED), replicates, groups)


def _drawn(chance: np.random.Generator, replicates: int, groups: int) -> Floats:
    """How often each group is drawn, with replacement, as many as there are: [replicates, groups].

    Counted from draws: numpy's `multinomial` gives the same distribution in eight times the time.
    """
    if not groups:
        return np.zeros((replicates, 0))
    drawn = chance.integers(0, groups, (replicates, groups))
    drawn += groups * np.arange(replicates)[:, np.newaxis]
    counts = np.bincount(drawn.ravel(), minlength=replicates * groups)
    return counts.reshape(replicates, groups).astype(np.float64)


def interval_of(values: Floats) -> Interval | None:
    """The middle 95% of the replicates in which the figure is defined; None where it never is.

    Between two replicates it is interpolated, as `numpy.percentile` does, at a tenth of its time.
    """
    ordered = np.sort(values[~np.isnan(values)])
    if not len(ordered):
        return None
    places = np.multiply(_TAILS, len(ordered) - 1)
    low, high = np.interp(places, np.arange(len(ordered)), ordered).tolist()
    return low, high
