"""A classifier: a backbone that turns images into features, and a head that names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import keras

from ray_jobs.contract.recipe import Recipe
from ray_jobs.training.models import efficientnet, lite0


def names() -> list[str]:
    """The backbones that can be built."""
    return ["efficientnet-lite0", *efficientnet.BUILDERS]


def build_backbone(
    name: str, *, image_px: int, weights: Path | None = None, imagenet: bool = False
) -> keras.Model:
    """The network up to its pooled features.

    Args:
      name: one of `names()`.
      image_px: side of the square input.
      weights: a `.weights.h5` of this backbone.
      imagenet: for B0 to B7, let Keras download its own weights.

    Returns:
      float32 [N, image_px, image_px, 3] in 0..255 -> float32 [N, features].
    """
    if name == "efficientnet-lite0":
        network = lite0.backbone(image_px)
    else:
        network = efficientnet.backbone(name, image_px, imagenet=imagenet)
    if weights is not None:
        network.load_weights(weights)
    return network


def build_head(
    features: int, *, num_classes: int, dropout: float = 0.0, seed: int = 0
) -> keras.Model:
    """Dropout and one dense layer: float32 [N, features] -> logits float32 [N, num_classes].

    The seed is the head's own: what was built before it does not change how it starts.
    """
    inputs = keras.Input((features,), name="features")
    dropped = keras.layers.Dropout(dropout, seed=seed, name="dropout")(inputs)
    start = cast("Any", keras.initializers.GlorotUniform(seed))  # Keras types it as a name only
    dense = keras.layers.Dense(
        num_classes, kernel_initializer=start, name="logits", dtype="float32"
    )
    return keras.Model(inputs, dense(dropped), name="head")


def features_of(backbone: keras.Model) -> int:
    """How many features an image has."""
    return cast("int", backbone.output_shape[-1])


def join(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """The whole: float32 [N, px, px, 3] in 0..255 -> logits float32 [N, num_classes]."""
    return keras.Model(backbone.input, head(backbone.output), name="classifier")


def build(
    name: str, *, image_px: int, num_classes: int, weights: Path | None = None
) -> keras.Model:
    """A whole classifier, with the weights of a `.weights.h5` or random ones.

    Returns:
      float32 [N, image_px, image_px, 3] in 0..255 -> logits float32 [N, num_classes].
    """
    backbone = build_backbone(name, image_px=image_px)
    model = join(backbone, build_head(features_of(backbone), num_classes=num_classes))
    if weights is not None:
        model.load_weights(weights)
    return model


def from_recipe(recipe: Recipe, num_classes: int, weights: Path | None = None) -> keras.Model:
    """The classifier that a recipe names."""
    return build(
        recipe.backbone, image_px=recipe.image_px, num_classes=num_classes, weights=weights
    )
