"""A shipped model, as whoever uses it sees it: files, labels, the size of its input.

Nothing here knows how a model is built: what is verified, evaluated and served is the export.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.export import Export, ExportFormat, ExportResult
from ray_jobs.storage import Store, fetch_to
from ray_jobs.training.export.labels import Labels, read_labels
from ray_jobs.training.export.runtime import Answering, cpus, open_model


@dataclass(frozen=True)
class Shipped:
    """A loaded export."""

    labels: Labels
    answer: Answering

    def probabilities(self, images: tf.Tensor | NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer a batch.

        Args:
          images: float32 [N, image_px, image_px, 3] in 0..255.

        Returns:
          float32 [N, classes].
        """
        return self.answer(np.asarray(images))


def download(store: Store, exports: ExportResult, folder: Path) -> Path:
    """Fetch the SavedModel of a run, every file checked against its hash."""
    return fetch_export(store, exports.of(ExportFormat.SAVED_MODEL), folder)


def fetch_export(store: Store, export: Export, folder: Path) -> Path:
    """Fetch the files of one format, every one checked against its hash."""
    for ref in export.files:
        fetch_to(store, ref, folder / PurePosixPath(ref.key).relative_to(export.prefix))
    return folder


def load(folder: Path) -> Shipped:
    """Load a downloaded SavedModel."""
    (graph,) = folder.glob("*/*/saved_model.pb")
    return open_export(folder, ExportFormat.SAVED_MODEL, str(graph.parent.relative_to(folder)))


def open_export(folder: Path, kind: ExportFormat, entry: str) -> Shipped:
    """Load a downloaded export of any format; `entry` is relative to the folder."""
    return Shipped(read_labels(folder), open_model(kind, folder / entry, cpus()))
