"""What a shipped model answers to the images of some shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ray_jobs.training.data.pipeline import image_examples
from ray_jobs.training.export.shipped import Shipped

_BATCH = 32


def ask(
    model: Shipped, files: Sequence[Path], classes: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The true and the answered class of every image, by name: a model may know other classes.

    Args:
      model: a loaded export.
      files: shards, whose labels index `classes`.
      classes: those of the data set.
    """
    truths, answers = list[str](), list[str]()
    for images, labels, _ in image_examples(files, model.labels.image_px).batch(_BATCH).prefetch(1):
        best = np.argmax(model.probabilities(images), axis=-1)
        truths += [str(classes[label]) for label in labels.numpy()]
        answers += [model.labels.classes[answer] for answer in best]
    return truths, answers
