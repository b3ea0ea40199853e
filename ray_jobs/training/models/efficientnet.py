"""EfficientNet-B0 to B7 (Tan and Le 2019, arXiv:1905.11946), as Keras builds them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
from keras.src.applications.efficientnet import IMAGENET_STDDEV_RGB

from ray_jobs.training.models.network import Network, from_scratch

_NATIVE_PX = (224, 240, 260, 300, 380, 456, 528, 600)  # table 1 of Keras's guide


def _from_scratch(image_px: int, *, size: int) -> keras.Model:
    return from_scratch(_build(image_px, size))


def _pretrained(image_px: int, published: Path, *, size: int) -> keras.Model:
    network = _build(image_px, size)
    network.load_weights(published)
    _normalise_as_published(network)
    return network


def _normalise_as_published(network: keras.Model) -> None:
    """Divide by the whole deviation of each colour; the published file has its root alone.

    Keras makes up for that by a layer more, and only under `weights="imagenet"`: the network that
    is built again for a trained file would lack it. Here the file itself is set right.
    """
    kind = keras.layers.Normalization
    norm = next(layer for layer in network.layers if isinstance(layer, kind))
    norm.adapt_variance.assign(norm.adapt_variance * keras.ops.array(IMAGENET_STDDEV_RGB))
    norm.finalize_state()


def _build(image_px: int, size: int) -> keras.Model:
    network = getattr(keras.applications, f"EfficientNetB{size}")(
        include_top=False, weights=None, input_shape=(image_px, image_px, 3), pooling="avg"
    )
    return keras.Model(network.input, network.output, name="backbone")


NETWORKS = {
    f"efficientnet-b{size}": Network(
        native_px=px,
        backbone=partial(_from_scratch, size=size),
        imagenet=partial(_pretrained, size=size),
    )
    for size, px in enumerate(_NATIVE_PX)
}
