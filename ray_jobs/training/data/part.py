"""One worker's part of a split: its share of the steps, and the photos for them."""

from __future__ import annotations

from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import sample_ids
from ray_jobs.training.data.share import Share


class Part(NamedTuple):
    """`samples` are the sha256 of the photos, by their row."""

    share: Share
    photos: Photos
    samples: list[str]


def part_of(share: Share, photos: Photos) -> Part:
    """Both together, once the photos were counted.

    Raises:
      DataError: there are others than the manifest counts: the steps would not fit them.
    """
    samples = sample_ids(photos)
    if len(samples) != share.records:
        raise DataError(
            f"{len(photos.files)} shards hold {len(samples)} images that count",
            f"{share.records}, as the manifest says",
            "Ingest again",
        )
    return Part(share, photos, samples)
