"""MnasNet-A1 (Tan et al. 2019, arXiv:1807.11626, figure 7), in the variant of a lesson.

Its squeeze-and-excitation narrows to half of the expanded channels; the paper's narrows to a
quarter of the block's input. Everything else is the paper's.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
from keras import layers

from ray_jobs.training.models.network import SCRATCH_MOMENTUM, Network, image_input

Tensor = keras.KerasTensor


class Blocks(NamedTuple):
    """Some MBConv blocks in a row; the first takes the stride."""

    expansion: int
    kernel: int
    filters: int
    repeats: int
    stride: int
    squeezed: bool


BLOCKS = (
    Blocks(6, 3, 24, 2, 2, squeezed=False),
    Blocks(3, 5, 40, 3, 2, squeezed=True),
    Blocks(6, 3, 80, 4, 2, squeezed=False),
    Blocks(6, 3, 112, 2, 1, squeezed=True),
    Blocks(6, 5, 160, 3, 2, squeezed=True),
    Blocks(6, 3, 320, 1, 1, squeezed=False),
)


def _backbone(image_px: int) -> keras.Model:
    images = image_input(image_px)
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(images)
    x = _conv(x, 32, 3, "stem", stride=2)
    x = _depthwise(x, 3, 1, "separable")
    x = _conv(x, 16, 1, "separable_project", is_linear=True)
    for stage, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks.repeats):
            stride = blocks.stride if block == 0 else 1
            x = _mbconv(x, blocks, stride, f"block{stage}{'abcd'[block]}")
    x = _conv(x, 1280, 1, "top")
    features = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, features, name="backbone")


def _mbconv(x: Tensor, blocks: Blocks, stride: int, name: str) -> Tensor:
    channels = x.shape[-1] * blocks.expansion
    inner = _depthwise(_conv(x, channels, 1, f"{name}_expand"), blocks.kernel, stride, name)
    if blocks.squeezed:
        inner = _squeeze_excite(inner, name)
    out = _conv(inner, blocks.filters, 1, f"{name}_project", is_linear=True)
    if stride == 1 and x.shape[-1] == blocks.filters:
        return layers.Add(name=f"{name}_add")([x, out])
    return out


def _squeeze_excite(x: Tensor, name: str) -> Tensor:
    channels = x.shape[-1]
    scale = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    scale = layers.Dense(channels // 2, activation="relu", name=f"{name}_reduce")(scale)
    scale = layers.Dense(channels, activation="sigmoid", name=f"{name}_excite")(scale)
    return layers.Multiply(name=f"{name}_scale")([x, scale])


def _conv(
    x: Tensor, filters: int, kernel: int, name: str, *, stride: int = 1, is_linear: bool = False
) -> Tensor:
    conv = layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
    )
    return _normalised(conv(x), name, is_linear=is_linear)


def _depthwise(x: Tensor, kernel: int, stride: int, name: str) -> Tensor:
    conv = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    return _normalised(conv(x), f"{name}_depthwise", is_linear=False)


def _normalised(x: Tensor, name: str, *, is_linear: bool) -> Tensor:
    x = layers.BatchNormalization(momentum=SCRATCH_MOMENTUM, name=f"{name}_bn")(x)
    return x if is_linear else layers.ReLU(name=f"{name}_relu")(x)


NETWORKS = {"mnasnet-a1": Network(native_px=224, backbone=_backbone)}
