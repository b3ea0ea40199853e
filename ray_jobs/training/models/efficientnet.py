"""EfficientNet-B0 to B7, as Keras builds them."""

from __future__ import annotations

from collections.abc import Callable

import keras

from ray_jobs.contract.errors import ClusterError

# Keras's 0.99 takes thousands of steps to follow: on 336 images the statistics of validation were
# still those of the start after ten epochs (accuracy 0.17; with 0.9 it was 0.36).
_SCRATCH_MOMENTUM = 0.9

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    f"efficientnet-b{size}": getattr(keras.applications, f"EfficientNetB{size}")
    for size in range(8)
}


def backbone(name: str, image_px: int, *, imagenet: bool) -> keras.Model:
    """The network up to its pooled features.

    Args:
      name: `efficientnet-b0` to `efficientnet-b7`.
      image_px: side of the square input.
      imagenet: with Keras's ImageNet weights, which are downloaded; else random ones.

    Returns:
      float32 [N, image_px, image_px, 3] in 0..255 -> float32 [N, features]; it rescales inside.

    Raises:
      ClusterError: the weights cannot be downloaded.
    """
    try:
        network = BUILDERS[name](
            include_top=False,
            weights="imagenet" if imagenet else None,
            input_shape=(image_px, image_px, 3),
            pooling="avg",
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails.
        if not imagenet:
            raise
        raise ClusterError(
            f"the ImageNet weights of {name} cannot be downloaded: {error}",
            "storage.googleapis.com reachable from the workers",
            "Open the network to it, or pass --set weights=null, or use recipe lite0_probe",
        ) from error
    if not imagenet:
        _follow_faster(network)
    return keras.Model(network.input, network.output, name="backbone")


def _follow_faster(network: keras.Model) -> None:
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _SCRATCH_MOMENTUM
