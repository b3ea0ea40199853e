"""What a shipped model answers to the images of some shards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import image_examples
from ray_jobs.training.export.shipped import Shipped

_BATCH = 32


def ask(model: Shipped, photos: Photos, classes: Sequence[str]) -> tuple[list[str], list[str]]:
    """The true and the answered class of every image, by name: a model may know other classes.

    Args:
      model: a loaded export.
      photos: their labels index `classes`.
      classes: those of the data set.
    """
    truths, answers = list[str](), list[str]()
    examples = image_examples(photos, model.labels.image_px)
    for images, labels, _ in examples.batch(_BATCH).prefetch(1):
        best = np.argmax(model.probabilities(images), axis=-1)
        truths += [str(classes[label]) for label in labels.numpy()]
        answers += [model.labels.classes[answer] for answer in best]
    return truths, answers
