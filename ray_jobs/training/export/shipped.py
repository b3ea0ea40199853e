"""A shipped model, as whoever uses it sees it: files, labels, the size of its input.

Nothing here knows how a model is built: what is verified, evaluated and served is the export.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.document import Document
from ray_jobs.contract.export import ExportFormat, ExportResult
from ray_jobs.storage import Store, fetch_to

LABELS_FILE = "labels.json"


class Labels(Document):
    """`labels.json`, beside the model: classes in the order of its answers, its input's side."""

    classes: tuple[str, ...]
    image_px: int


@dataclass(frozen=True)
class Shipped:
    """A loaded SavedModel."""

    labels: Labels
    loaded: Any

    def probabilities(self, images: tf.Tensor | NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer a batch.

        Args:
          images: float32 [N, image_px, image_px, 3] in 0..255.

        Returns:
          float32 [N, classes].
        """
        answer = self.loaded.signatures["serving_default"](images=tf.convert_to_tensor(images))
        return answer["probabilities"].numpy()


def download(store: Store, exports: ExportResult, folder: Path) -> Path:
    """Fetch the SavedModel of a run, every file checked against its hash."""
    export = next(e for e in exports.exports if e.format is ExportFormat.SAVED_MODEL)
    for ref in export.files:
        fetch_to(store, ref, folder / PurePosixPath(ref.key).relative_to(export.prefix))
    return folder


def load(folder: Path) -> Shipped:
    """Load a downloaded export."""
    path = folder / LABELS_FILE
    labels = Labels.from_json(path.read_bytes(), origin=str(path))
    return Shipped(labels, tf.saved_model.load(str(folder)))
