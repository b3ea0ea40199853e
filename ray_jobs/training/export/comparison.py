"""Exports beside the trained model, on the same photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import ExportFormat, Parity
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import image_examples
from ray_jobs.training.export.parity import Tally
from ray_jobs.training.export.runtime import Answering, FormatError
from ray_jobs.training.export.trained import Trained

# Each runtime keeps room for what a batch becomes within: four times 32 images took 3.9 GB.
_BATCH = 8


class Compared(NamedTuple):
    """Exports that answered every photo, and why the others did not."""

    parities: dict[ExportFormat, Parity]
    failed: dict[ExportFormat, str]


def compare(
    trained: Trained, exports: Mapping[ExportFormat, Answering], photos: Photos
) -> Compared:
    """Ask the trained model and every export about every photo, a batch at a time.

    Raises:
      DataError: the shards do not hold each photo of the roster once.
    """
    tallies, failed = dict.fromkeys(exports, Tally()), dict[ExportFormat, str]()
    seen = 0
    for images, _, _ in image_examples(photos, trained.labels.image_px).batch(_BATCH).prefetch(1):
        seen += len(images)
        expected, pixels = trained.probabilities(images).numpy(), images.numpy()
        for kind in list(tallies):
            try:
                tallies[kind] = tallies[kind].plus(expected, exports[kind](pixels))
            except FormatError as error:  # the others are compared all the same
                failed[kind] = error.fact
                del tallies[kind]
    if seen != len(photos.roster):
        raise DataError(
            f"the shards gave {seen} photos to answer",
            f"{len(photos.roster)}, as the version's table of entries names",
            "Ingest again",
        )
    return Compared({kind: tally.parity() for kind, tally in tallies.items()}, failed)
