"""Colours, layers and shapes that every kind of waste is drawn with.

A layer is a square RGBA picture of `SIDE` px that holds one object upright in its middle, twice
as large as it will be seen, so that making it smaller smooths its edges.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from random import Random

from PIL import Image, ImageDraw

SIDE = 320
MID = SIDE / 2

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom
CLEAR = (0, 0, 0, 0)


def layer() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty layer and the pen for it."""
    image = Image.new("RGBA", (SIDE, SIDE), CLEAR)
    return image, ImageDraw.Draw(image, "RGBA")


def colour(
    rng: Random,
    saturation: tuple[float, float] = (0.05, 0.85),
    value: tuple[float, float] = (0.25, 0.95),
) -> Colour:
    """Any hue, within ranges of saturation and value."""
    return hsv(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour of hue (turns), saturation and value in 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def shaded(base: Colour, factor: float) -> Colour:
    """The colour in more (factor > 1) or less light."""
    red, green, blue = (min(255, round(part * factor)) for part in base)
    return red, green, blue


def turned_by(points: Iterable[Point], angle: float, centre: Point = (MID, MID)) -> list[Point]:
    """Points turned by an angle in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    x0, y0 = centre
    return [
        (x0 + cos * (x - x0) - sin * (y - y0), y0 + sin * (x - x0) + cos * (y - y0))
        for x, y in points
    ]


def blob(rng: Random, centre: Point, radius: float, corners: int, rough: float) -> list[Point]:
    """A closed outline around a centre; `rough` in 0..1 is how far its radius strays."""
    start = rng.uniform(0, math.tau)
    points: list[Point] = []
    for corner in range(corners):
        angle = start + math.tau * corner / corners
        reach = radius * (1 + rough * rng.uniform(-1, 1))
        points.append((centre[0] + reach * math.cos(angle), centre[1] + reach * math.sin(angle)))
    return points


def between(a: Point, b: Point, share: float) -> Point:
    """The point at a share of the way from a to b."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def facets(
    pen: ImageDraw.ImageDraw, rng: Random, outline: Sequence[Point], base: Colour, contrast: float
) -> None:
    """Fill an outline with creased triangles of one colour in different light."""
    inner = [between(point, (MID, MID), rng.uniform(0.35, 0.65)) for point in outline]
    centre = (MID + rng.uniform(-15, 15), MID + rng.uniform(-15, 15))
    for index, point in enumerate(outline):
        near, far = inner[index], inner[(index + 1) % len(inner)]
        following = outline[(index + 1) % len(outline)]
        for triangle in ((point, following, near), (following, near, far), (near, far, centre)):
            light = 1 + contrast * rng.uniform(-1, 0.6)
            pen.polygon(triangle, fill=shaded(base, light))
