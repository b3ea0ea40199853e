"""The perceptual hash of a photo: near-duplicates differ in few of its 64 bits."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 32
_KEPT = 8


def perceptual_hash(image: Image.Image) -> str:
    """The 64-bit DCT hash as 16 hex digits, row by row, lowest frequencies first.

    The lowest 8 x 8 coefficients of the 32 x 32 grey picture, each compared with their median,
    after the pHash of E. Klinger and D. Starkweather (phash.org). We deviate in one thing: all
    arithmetic is in whole numbers, so that no machine rounds a bit differently.

    Args:
      image: upright RGB.
    """
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    basis = _cosines()
    frequencies = basis @ np.asarray(grey, dtype=np.int64) @ basis.T
    bits = frequencies > np.median(frequencies)
    return np.packbits(bits).tobytes().hex()


@functools.cache
def _cosines() -> NDArray[np.int64]:
    """DCT-II basis, int64 [8, 32], scaled by 2**12."""
    order = np.arange(_KEPT)[:, np.newaxis]
    place = 2 * np.arange(_SIDE) + 1
    cosines = np.cos(np.pi * order * place / (2 * _SIDE))
    return np.rint(4096 * cosines).astype(np.int64)
