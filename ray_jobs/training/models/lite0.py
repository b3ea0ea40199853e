"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, with ReLU6.

Source: `lite/README.md` and `efficientnet_lite_builder.py` of tensorflow/tpu, models/official/
efficientnet. Lite0's width and depth are those of B0, so that its rule of a fixed stem and head
changes nothing here. Padding is TensorFlow's "same", as the weights were trained with: symmetric
padding costs a probe on TrashNet 0.03 of its accuracy (160 px, mean of four splits). We stand on
Keras's own block builder, which is not exported: Keras is pinned.
"""

from __future__ import annotations

from typing import Any, cast

import keras
from keras.src.applications import efficientnet

from ray_jobs.training.models.network import Network, from_scratch, image_input

_BLOCKS = [block | {"se_ratio": 0.0} for block in efficientnet.DEFAULT_BLOCKS_ARGS]


def backbone(image_px: int) -> keras.Model:
    """The network up to its pooled features, with random weights.

    Args:
      image_px: side of the square input.

    Returns:
      float32 [N, image_px, image_px, 3] in 0..255 -> float32 [N, 1280]. The original scales its
      input as (pixel - 127) / 128; Keras's builder divides by 255 first, which is undone here.
    """
    images = image_input(image_px)
    scaled = keras.layers.Rescaling(255.0 / 128.0, offset=-127.0 * 255.0 / 128.0)(images)
    network = cast("Any", efficientnet).EfficientNet(
        width_coefficient=1.0,
        depth_coefficient=1.0,
        default_size=224,
        activation="relu6",
        blocks_args=_BLOCKS,
        name="efficientnet_lite0",
        include_top=False,
        weights=None,
        input_tensor=scaled,
        pooling="avg",
    )
    return keras.Model(images, network.output, name="backbone")


def _from_scratch(image_px: int) -> keras.Model:
    return from_scratch(backbone(image_px))


NETWORKS = {"efficientnet-lite0": Network(native_px=224, backbone=_from_scratch)}
