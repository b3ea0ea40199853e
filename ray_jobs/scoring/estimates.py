"""Figures with their intervals, as documents hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.evaluation import Estimate
from ray_jobs.scoring.bootstrap import interval_of

Floats = NDArray[np.float64]


def estimate(value: Floats, replicates: Floats, images: int) -> Estimate:
    """A figure, NaN where it is not defined, and what it was in the replicates of the split.

    Args:
      value: float64 scalar.
      replicates: float64 [R].
      images: that it rests on.
    """
    if np.isnan(value):
        return Estimate(value=None, interval=None, images=images)
    return Estimate(value=float(value), interval=interval_of(replicates), images=images)
