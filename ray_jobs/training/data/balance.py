"""How often each image appears in an epoch that shows the classes equally often.

An epoch has as many examples as there are images; each class has the same part of them. So the
images of a rare class appear several times, and of a common one not all. Chance decides which do,
anew each epoch: an image's turn comes as often as that of any other of its class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def appearances(labels: NDArray[np.int64], key: int) -> NDArray[np.int64]:
    """How often each row appears: two classes differ by 1 at most, and so do two rows of one.

    Args:
      labels: int64 [N], by row; a class without a row has no part.
      key: of the epoch's stream, at least 0.

    Returns:
      int64 [N], its sum N.
    """
    chance = np.random.default_rng(key)
    classes, counts = np.unique(labels, return_counts=True)
    quotas = dealt(len(labels), len(classes), chance)
    often = np.zeros(len(labels), np.int64)
    for label, count, quota in zip(classes, counts, quotas, strict=True):
        often[labels == label] = dealt(quota, count, chance)
    return often


def dealt(total: int, among: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Parts that differ by 1 at most; chance decides whose are the larger ones.

    Returns:
      int64 [among], its sum `total`.
    """
    return chance.permutation(np.bincount(np.arange(total) % among, minlength=among))
