"""A classifier: a backbone that turns images into features, and a head that names them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import keras

from ray_jobs.contract.errors import SpecError, closest
from ray_jobs.contract.recipe import Recipe
from ray_jobs.training.models import convnet, efficientnet, lite0, mnasnet, vgg
from ray_jobs.training.models.network import Network, dense

NETWORKS: dict[str, Network] = {
    **lite0.NETWORKS,
    **efficientnet.NETWORKS,
    **mnasnet.NETWORKS,
    **vgg.NETWORKS,
    **convnet.NETWORKS,
}


def names() -> list[str]:
    """The networks that can be built."""
    return list(NETWORKS)


def build_backbone(name: str, *, image_px: int) -> keras.Model:
    """The network up to its features, with random weights.

    Args:
      name: one of `names()`.
      image_px: side of the square input.

    Returns:
      float32 [N, image_px, image_px, 3] in 0..255 -> float32 [N, features].

    Raises:
      SpecError: there is no such network, or the input is too small for it.
    """
    return network_of(name, image_px).backbone(image_px)


def build_head(
    name: str, features: int, *, num_classes: int, dropout: float = 0.0, seed: int = 0
) -> keras.Model:
    """The network's own layers, dropout and the logits: float32 [N, features] -> [N, num_classes].

    The seed is the head's own: what was built before it does not change how it starts.
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    hidden = NETWORKS[name].hidden(seed)
    # Theirs follow the seed: of the same one, two layers would drop the same places.
    own = seed + sum(isinstance(layer, keras.layers.Dropout) for layer in hidden)
    for layer in [*hidden, keras.layers.Dropout(dropout, seed=own)]:
        x = layer(x)
    logits = dense(num_classes, "logits", seed, activation=None)(x)
    return keras.Model(inputs, logits, name="head")


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
    head = build_head(name, features_of(backbone), num_classes=num_classes)
    model = join(backbone, head)
    if weights is not None:
        model.load_weights(weights)
    return model


def from_recipe(recipe: Recipe, num_classes: int, weights: Path | None = None) -> keras.Model:
    """The classifier that a recipe names."""
    return build(
        recipe.backbone, image_px=recipe.image_px, num_classes=num_classes, weights=weights
    )


def network_of(name: str, image_px: int) -> Network:
    """What is known of a network; refuses an input that is too small for it, with SpecError."""
    if name not in NETWORKS:
        raise SpecError(
            f"there is no network '{name}'",
            f"one of {', '.join(NETWORKS)}",
            f"{closest(name, NETWORKS)} Set the recipe's backbone",
        )
    network = NETWORKS[name]
    if image_px < network.least_px:
        raise SpecError(
            f"image_px is {image_px}",
            f"at least {network.least_px} for {name}, native {network.native_px}",
            f"Pass --set image_px={network.native_px}",
        )
    return network
