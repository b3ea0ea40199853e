"""Exports beside the trained model, on the same photos."""

from __future__ import annotations

from collections.abc import Mapping

from ray_jobs.contract.export import ExportFormat, Parity
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import image_examples
from ray_jobs.training.export.parity import Tally
from ray_jobs.training.export.runtime import Answering
from ray_jobs.training.export.trained import Trained

_BATCH = 32


def compare(
    trained: Trained, exports: Mapping[ExportFormat, Answering], photos: Photos
) -> dict[ExportFormat, Parity]:
    """Ask the trained model and every export about every photo, a batch at a time."""
    tallies = dict.fromkeys(exports, Tally())
    for images, _, _ in image_examples(photos, trained.labels.image_px).batch(_BATCH).prefetch(1):
        expected, pixels = trained.probabilities(images).numpy(), images.numpy()
        for kind, ask in exports.items():
            tallies[kind] = tallies[kind].plus(expected, ask(pixels))
    return {kind: tally.parity() for kind, tally in tallies.items()}
