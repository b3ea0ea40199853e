"""What a family of networks says of one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import keras

# Keras's 0.99 takes thousands of steps to follow: on 336 images the statistics of validation were
# still those of the start after ten epochs (accuracy 0.17; with 0.9 it was 0.36).
SCRATCH_MOMENTUM = 0.9

Layers = list[keras.layers.Layer]


def no_layers(seed: int) -> Layers:
    """No layer between the features and the logits, whatever the seed."""
    return []


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
      native_px: the side of the square input that it was designed for.
      backbone: side -> the network up to its features, with random weights: float32
        [N, side, side, 3] in 0..255 -> float32 [N, features]; it normalises inside.
      imagenet: side, file of ImageNet weights as Keras publishes it -> the same with these, where
        Keras has some.
      least_px: the smallest side that leaves something to pool.
      hidden: seed -> the layers of its head between the features and the logits.
    """

    native_px: int
    backbone: Callable[[int], keras.Model]
    imagenet: Callable[[int, Path], keras.Model] | None = None
    least_px: int = 32
    hidden: Callable[[int], Layers] = no_layers


def from_scratch(network: keras.Model) -> keras.Model:
    """The network, its batch norms set for random weights."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = SCRATCH_MOMENTUM
    return network


def image_input(image_px: int) -> keras.KerasTensor:
    """The input of every backbone: float32 [N, image_px, image_px, 3] in 0..255."""
    return cast("keras.KerasTensor", keras.Input((image_px, image_px, 3), name="images"))


def dense(units: int, name: str, seed: int, activation: str | None = "relu") -> keras.layers.Layer:
    """A dense layer whose start the seed alone decides; float32, whatever the policy.

    The layers of a head are small: half precision would save nothing and cost accuracy.
    """
    start = cast("Any", keras.initializers.GlorotUniform(seed))  # Keras types it as a name only
    return keras.layers.Dense(
        units, activation=activation, kernel_initializer=start, name=name, dtype="float32"
    )
