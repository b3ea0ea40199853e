"""One worker's part of a split: its share of the steps, and the photos for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.errors import DataError
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import samples_of
from ray_jobs.training.data.share import Share


class Part(NamedTuple):
    """`samples` are the sha256 of the photos, by their row; `labels` (int64 [N]) their labels."""

    share: Share
    photos: Photos
    samples: list[str]
    labels: NDArray[np.int64]


def part_of(share: Share, photos: Photos) -> Part:
    """Both together, once the photos were counted.

    Raises:
      DataError: there are others than the manifest counts: the steps would not fit them.
    """
    samples, labels = samples_of(photos)
    if len(samples) != share.records:
        raise DataError(
            f"{len(photos.files)} shards hold {len(samples)} images that count",
            f"{share.records}, as the manifest says",
            "Ingest again",
        )
    return Part(share, photos, samples, labels)
