"""What an export must equal: the model that a training left, its temperature and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import Store, fetch_to
from ray_jobs.training.export.labels import Labels
from ray_jobs.training.models import classifier


@dataclass(frozen=True)
class Trained:
    """`model` maps float32 [N, image_px, image_px, 3] in 0..255 to logits float32 [N, classes]."""

    model: keras.Model
    temperature: float
    labels: Labels

    def probabilities(self, images: tf.Tensor) -> tf.Tensor:
        """softmax(logits / temperature) (Guo et al. 2017, section 4.2).

        Args:
          images: float32 [N, image_px, image_px, 3] in 0..255.

        Returns:
          float32 [N, classes].
        """
        return tf.nn.softmax(self.model(images, training=False) / self.temperature)


def rebuild(store: Store, recipe: Recipe, training: TrainingResult, folder: Path) -> Trained:
    """The best model of a training, built anew from its weights.

    Args:
      store: where the weights lie.
      recipe: of the run.
      training: names the weights; they are checked against their hash.
      folder: gets the file of weights.
    """
    weights = fetch_to(store, training.weights, folder / "model.weights.h5")
    model = classifier.from_recipe(recipe, len(training.classes), weights)
    labels = Labels(classes=training.classes, image_px=recipe.image_px)
    return Trained(model, training.calibration.temperature, labels)
