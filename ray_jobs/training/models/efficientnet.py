"""EfficientNet-B0 to B7 (Tan and Le 2019, arXiv:1905.11946), as Keras builds them."""

from __future__ import annotations

from functools import partial

import keras

from ray_jobs.training.models.network import SCRATCH_MOMENTUM, Network

_NATIVE_PX = (224, 240, 260, 300, 380, 456, 528, 600)  # table 1 of Keras's guide


def _from_scratch(image_px: int, *, size: int) -> keras.Model:
    network = _build(image_px, size, weights=None)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = SCRATCH_MOMENTUM
    return network


def _pretrained(image_px: int, *, size: int) -> keras.Model:
    return _build(image_px, size, weights="imagenet")


def _build(image_px: int, size: int, *, weights: str | None) -> keras.Model:
    network = getattr(keras.applications, f"EfficientNetB{size}")(
        include_top=False, weights=weights, input_shape=(image_px, image_px, 3), pooling="avg"
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
