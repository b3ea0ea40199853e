"""The perceptual hash of a photo: near-duplicates differ in few of its 256 bits (ADR 0007)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 64
_LUMA = 13  # highest sum of the two frequencies; 104 coefficients without the mean
_CHROMA = 4  # the same of both colour channels; 14 coefficients each
_CHROMA_TENTHS = (-10, -3, 3, 10)  # tenths of a grey level
_MEAN_TENTHS = tuple(range(-285, 286, 30))
_UNIT = (_SIDE << 12) ** 2  # a mean of one grey level, as the coefficients are scaled


def perceptual_hash(image: Image.Image) -> str:
    """The 256 bits of brightness and colour at low frequencies, as 64 hex digits.

    Brightness, 104 bits: the DCT coefficients of the 64 x 64 picture, each compared with their
    median, after the pHash of E. Klinger and D. Starkweather (phash.org). Theirs is a square of
    8 x 8; ours is the triangle of the lowest frequencies. We add colour, 152 bits, in which photos
    of one background differ: 28 coefficients compared with four levels, two means with twenty.

    All numbers are whole and below 2**53, which float64 holds exactly: no machine rounds a bit
    differently.

    Args:
      image: upright RGB.
    """
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("YCbCr")
    channels = np.asarray(small, dtype=np.float64).transpose(2, 0, 1)
    luma, *chroma = _cosines() @ channels @ _cosines().T
    bits = [_above_median(luma[_triangle(_LUMA)][1:])]
    for frequencies in chroma:
        frequencies[0, 0] -= 128 * _UNIT
        values = frequencies[_triangle(_CHROMA)]
        bits.append(_above_levels(values[1:], _CHROMA_TENTHS))
        bits.append(_above_levels(values[:1], _MEAN_TENTHS))
    return np.packbits(np.concatenate(bits)).tobytes().hex()


def _above_median(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    middle = (len(values) - 1) // 2
    return values > np.partition(values, middle)[middle]


def _above_levels(values: NDArray[np.float64], tenths: tuple[int, ...]) -> NDArray[np.bool_]:
    """A bit a value and level: bool [values * levels]."""
    levels = np.array(tenths, dtype=np.float64) * _UNIT
    return (10 * values[:, np.newaxis] > levels).ravel()


@functools.cache
def _triangle(highest: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the frequencies that sum to `highest` at most, lowest sums first."""
    order = np.arange(highest + 1)
    down, across = np.nonzero(np.add.outer(order, order) <= highest)
    by_sum = np.argsort(down + across, kind="stable")
    return down[by_sum], across[by_sum]


@functools.cache
def _cosines() -> NDArray[np.float64]:
    """DCT-II basis, whole numbers, float64 [14, 64], scaled by 2**12."""
    order = np.arange(_LUMA + 1)[:, np.newaxis]
    place = 2 * np.arange(_SIDE) + 1
    cosines = np.cos(np.pi * order * place / (2 * _SIDE))
    return np.rint(4096 * cosines)
