"""VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556), as Keras builds its convolutions.

`vgg16` averages over the picture before a dense layer of 1024; `vgg16-classic` has the paper's two
of 4096, and takes the size of input that it was built for alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import keras
from keras import layers

from ray_jobs.training.models.network import Layers, Network, dense, image_input

# The mean colour of ImageNet, blue first, which the published weights were trained without
# (`keras.applications.imagenet_utils`, mode "caffe").
_MEAN_BGR = (103.939, 116.779, 123.68)


def _build(image_px: int, *, pool: type[layers.Layer]) -> keras.Model:
    images = image_input(image_px)
    # Keras types neither a shift a channel nor random weights.
    shift: Any = tuple(-colour for colour in _MEAN_BGR)
    centred = layers.Rescaling(1.0, offset=shift, name="centred")(keras.ops.flip(images, axis=-1))
    build = cast("Any", keras.applications.VGG16)
    network = build(include_top=False, weights=None, input_tensor=centred)
    return keras.Model(images, pool(name="features")(network.output), name="backbone")


def _pretrained(image_px: int, published: Path, *, pool: type[layers.Layer]) -> keras.Model:
    network = _build(image_px, pool=pool)
    network.load_weights(published)
    return network


def _network(pool: type[layers.Layer], hidden: Callable[[int], Layers]) -> Network:
    return Network(
        native_px=224,
        backbone=partial(_build, pool=pool),
        imagenet=partial(_pretrained, pool=pool),
        hidden=hidden,
    )


def _one_dense(seed: int) -> Layers:
    return [dense(1024, "hidden", seed)]


def _two_dense(seed: int) -> Layers:
    return [
        dense(4096, "hidden1", seed),
        layers.Dropout(0.5, seed=seed, name="dropout1"),
        dense(4096, "hidden2", seed + 1),
        layers.Dropout(0.5, seed=seed + 1, name="dropout2"),
    ]


NETWORKS = {
    "vgg16": _network(layers.GlobalAveragePooling2D, _one_dense),
    "vgg16-classic": _network(layers.Flatten, _two_dense),
}
