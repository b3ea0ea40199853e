"""What the waste lies on."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tasks.sources.drawing.pens import Colour, colour, shaded

_SATURATION = (0.0, 0.45)
_VALUE = (0.3, 0.98)


def surface(rng: Random, noise: np.random.RandomState, side: int) -> Image.Image:
    """A surface of any colour: plain, planks, tiles, cloth, concrete or sand.

    Args:
      rng: chooses.
      noise: for what is rough.
      side: of the square, in pixels.
    """
    base = colour(rng, _SATURATION, _VALUE)
    return rng.choice((_plain, _planks, _tiles, _cloth, _concrete))(rng, noise, side, base)


def _plain(rng: Random, noise: np.random.RandomState, side: int, base: Colour) -> Image.Image:
    image = Image.new("RGB", (side, side), base)
    if rng.random() < 0.5:  # a wall behind a table
        horizon = rng.uniform(0.15, 0.6) * side
        other = colour(rng, _SATURATION, _VALUE)
        ImageDraw.Draw(image).rectangle((0, 0, side, horizon), fill=other)
    return image


def _planks(rng: Random, noise: np.random.RandomState, side: int, base: Colour) -> Image.Image:
    image = Image.new("RGB", (side, side), base)
    pen = ImageDraw.Draw(image)
    width = rng.randint(side // 8, side // 3)
    for left in range(-rng.randrange(width), side, width):
        pen.rectangle((left, 0, left + width, side), fill=shaded(base, rng.uniform(0.85, 1.1)))
        for _ in range(rng.randint(2, 6)):
            grain = left + rng.uniform(0, width)
            pen.line((grain, 0, grain + rng.uniform(-6, 6), side), fill=shaded(base, 0.85))
        pen.line((left, 0, left, side), fill=shaded(base, 0.6), width=2)
    return image.rotate(90) if rng.random() < 0.5 else image


def _tiles(rng: Random, noise: np.random.RandomState, side: int, base: Colour) -> Image.Image:
    image = Image.new("RGB", (side, side), base)
    pen = ImageDraw.Draw(image)
    step, joint = rng.randint(side // 6, side // 2), shaded(base, rng.choice((0.75, 1.2)))
    shift = rng.randrange(step)
    for at in range(shift, side, step):
        pen.line((at, 0, at, side), fill=joint, width=3)
        pen.line((0, at, side, at), fill=joint, width=3)
    return image


def _cloth(rng: Random, noise: np.random.RandomState, side: int, base: Colour) -> Image.Image:
    image = Image.new("RGB", (side, side), base)
    pen = ImageDraw.Draw(image)
    step, stripe = rng.randint(8, 36), colour(rng, _SATURATION, _VALUE)
    for at in range(-side, 2 * side, step):
        pen.line((at, 0, at + rng.choice((0, 0, 3)), side), fill=stripe, width=max(1, step // 4))
    return image.rotate(rng.choice((0, 30, 45, 90, 120)), Image.Resampling.BILINEAR, fillcolor=base)


def _concrete(rng: Random, noise: np.random.RandomState, side: int, base: Colour) -> Image.Image:
    rough = sum((_cloud(noise, side, cells) for cells in (4, 12, 48)), np.zeros((side, side)))
    light = 1 + rng.uniform(0.1, 0.4) * (rough[..., np.newaxis] / 3 - 0.5)
    return Image.fromarray(np.clip(np.array(base) * light, 0, 255).astype(np.uint8))


def _cloud(noise: np.random.RandomState, side: int, cells: int) -> NDArray[np.float64]:
    """Smooth noise, float64 [side, side] in 0..1."""
    coarse = Image.fromarray(noise.randint(0, 256, (cells, cells)).astype(np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)) / 255
