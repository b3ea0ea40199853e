"""One picture of one kind of waste: an object on a surface, in some light, through some camera."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageFilter

from tasks.sources.drawing.cardboard import cardboard
from tasks.sources.drawing.crumbs import trash
from tasks.sources.drawing.glass import glass
from tasks.sources.drawing.metal import metal
from tasks.sources.drawing.paper import paper
from tasks.sources.drawing.pens import SIDE
from tasks.sources.drawing.plastic import plastic
from tasks.sources.drawing.surfaces import surface

PICTURE_PX = 192

KINDS: dict[str, Callable[[Random], Image.Image]] = {
    "cardboard": cardboard,
    "glass": glass,
    "metal": metal,
    "paper": paper,
    "plastic": plastic,
    "trash": trash,
}


def draw(kind: str, index: int, seed: int) -> bytes:
    """The JPEG of one picture, 192 x 192 px; the same for the same arguments.

    Args:
      kind: one of `KINDS`.
      index: number of the picture within its kind.
      seed: of the whole set.
    """
    rng = Random(f"{seed}/{kind}/{index}")
    noise = np.random.RandomState(rng.getrandbits(32))  # its stream is frozen, by NumPy's promise
    picture = surface(rng, noise, PICTURE_PX)
    _lay(picture, _handled(KINDS[kind](rng), rng), rng)
    seen = _photographed(picture, rng, noise)
    out = io.BytesIO()
    seen.save(out, "JPEG", quality=rng.randint(80, 93))
    return out.getvalue()


def _handled(thing: Image.Image, rng: Random) -> Image.Image:
    """The object squeezed, slanted, turned and made smaller, all in one step."""
    angle = math.radians(rng.gauss(0, 25) if rng.random() < 0.7 else rng.uniform(0, 360))
    slant, squeeze = rng.uniform(-0.18, 0.18), rng.uniform(0.85, 1.15) * rng.choice((-1, 1))
    cos, sin = math.cos(angle), math.sin(angle)
    a, b, c, d = cos * squeeze, cos * slant - sin, sin * squeeze, sin * slant + cos
    left, top, right, bottom = thing.getbbox() or (0, 0, SIDE, SIDE)
    wide, high = right - left, bottom - top
    width, height = abs(a) * wide + abs(b) * high, abs(c) * wide + abs(d) * high
    scale = PICTURE_PX * rng.uniform(0.62, 0.98) / max(width, height)
    size = math.ceil(width * scale), math.ceil(height * scale)
    # Pillow asks for the way back: from a place in the result to the place in the layer.
    area = (a * d - b * c) * scale
    back = d / area, -b / area, -c / area, a / area
    x = (left + right - back[0] * size[0] - back[1] * size[1]) / 2
    y = (top + bottom - back[2] * size[0] - back[3] * size[1]) / 2
    matrix = (back[0], back[1], x, back[2], back[3], y)
    return thing.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _lay(picture: Image.Image, thing: Image.Image, rng: Random) -> None:
    """Put the object and its shadow somewhere on the surface."""
    left = rng.randint(-6, max(-6, PICTURE_PX - thing.width + 6))
    top = rng.randint(-6, max(-6, PICTURE_PX - thing.height + 6))
    depth = rng.uniform(0.2, 0.6)
    shadow = Image.new("L", picture.size, 0)
    shift = rng.randint(-10, 10), rng.randint(2, 10)
    cast = thing.getchannel("A").point([round(depth * alpha) for alpha in range(256)])
    shadow.paste(cast, (left + shift[0], top + shift[1]))
    picture.paste((15, 15, 20), (0, 0), shadow.filter(ImageFilter.BoxBlur(rng.uniform(2, 7))))
    picture.paste(thing, (left, top), thing)


def _photographed(picture: Image.Image, rng: Random, noise: np.random.RandomState) -> Image.Image:
    """The picture in uneven, tinted light, a little blurred and noisy."""
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.2, 0.9)))
    along = np.linspace(-0.5, 0.5, PICTURE_PX)
    slope = rng.uniform(-0.6, 0.6) * along + rng.uniform(-0.6, 0.6) * along[:, np.newaxis]
    light = (rng.uniform(0.65, 1.15) * (1 + slope))[..., np.newaxis]
    tint = np.array([rng.uniform(0.82, 1.15) for _ in range(3)])
    grain = rng.uniform(1, 9) * (noise.random_sample((PICTURE_PX, PICTURE_PX, 3)) - 0.5) * 3.4
    pixels = np.asarray(picture) * (light * tint) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
