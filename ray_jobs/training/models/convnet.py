"""Two small convolutional networks that every course begins with: a measure for the others.

`convnet-small`: Chollet, Deep Learning with Python (2017), listing 5.5, with dropout as in 5.13.
`convnet-mnist`: the same book, listings 5.1 and 5.2; it looks at brightness alone.
"""

from __future__ import annotations

import keras
from keras import layers

from ray_jobs.training.models.network import Layers, Network, dense, image_input

# Brightness of ITU-R BT.601, as `PIL.Image.convert("L")` weighs it.
_LUMA = (0.299, 0.587, 0.114)


def _small(image_px: int) -> keras.Model:
    images = image_input(image_px)
    x = layers.Rescaling(1 / 255, name="rescaling")(images)
    for number, filters in enumerate((32, 64, 128, 128), start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    return keras.Model(images, layers.Flatten(name="features")(x), name="backbone")


def _mnist(image_px: int) -> keras.Model:
    images = image_input(image_px)
    grey = keras.ops.sum(images * keras.ops.array(_LUMA), axis=-1, keepdims=True)
    x = layers.Rescaling(1 / 255, name="rescaling")(grey)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv2")(x)
    x = layers.MaxPooling2D(name="pool2")(x)
    x = layers.Conv2D(64, 3, activation="relu", name="conv3")(x)
    return keras.Model(images, layers.Flatten(name="features")(x), name="backbone")


def _small_head(seed: int) -> Layers:
    return [layers.Dropout(0.5, seed=seed, name="dropout_features"), dense(512, "hidden", seed)]


def _mnist_head(seed: int) -> Layers:
    return [dense(64, "hidden", seed)]


NETWORKS = {
    "convnet-small": Network(native_px=150, backbone=_small, least_px=48, hidden=_small_head),
    "convnet-mnist": Network(native_px=28, backbone=_mnist, least_px=18, hidden=_mnist_head),
}
