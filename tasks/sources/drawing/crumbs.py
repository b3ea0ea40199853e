"""Trash: leftovers, wrappers and mixed crumbs."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing.pens import (
    MID,
    Point,
    blob,
    colour,
    facets,
    hsv,
    layer,
    shaded,
    turned_by,
)


def trash(rng: Random) -> Image.Image:
    """A heap of crumbs, an apple core, a peel or a snack wrapper."""
    return rng.choice((_crumbs, _crumbs, _apple_core, _peel, _wrapper))(rng)


def _crumbs(rng: Random) -> Image.Image:
    image, pen = layer()
    for _ in range(rng.randint(18, 34)):
        angle, reach = rng.uniform(0, math.tau), 120 * rng.random() ** 0.7
        spot = (MID + reach * math.cos(angle), MID + reach * math.sin(angle) * 0.8)
        rng.choice(_CRUMBS)(pen, rng, spot)
    return image


def _scrap(pen: ImageDraw.ImageDraw, rng: Random, spot: Point) -> None:
    base = colour(rng)
    pen.polygon(blob(rng, spot, rng.uniform(10, 28), rng.randint(4, 8), 0.4), fill=base)
    pen.polygon(blob(rng, spot, rng.uniform(4, 10), 4, 0.4), fill=shaded(base, 0.7))


def _stick(pen: ImageDraw.ImageDraw, rng: Random, spot: Point) -> None:
    length = rng.uniform(15, 45)
    ends = turned_by([(spot[0] - length, spot[1]), (spot[0] + length, spot[1])], rng.random() * 3)
    pen.line(ends, fill=colour(rng, (0.1, 0.7), (0.3, 0.9)), width=rng.randint(3, 7))


def _stub(pen: ImageDraw.ImageDraw, rng: Random, spot: Point) -> None:
    """A cigarette end."""
    x, y = spot
    turn = rng.uniform(0, math.tau)
    pen.line(turned_by([(x - 24, y), (x + 8, y)], turn, spot), fill=(235, 232, 225), width=11)
    pen.line(turned_by([(x + 8, y), (x + 24, y)], turn, spot), fill=colour(rng), width=11)


def _ring(pen: ImageDraw.ImageDraw, rng: Random, spot: Point) -> None:
    x, y, radius = *spot, rng.uniform(8, 20)
    box = (x - radius, y - radius * 0.7, x + radius, y + radius * 0.7)
    pen.arc(box, rng.uniform(0, 90), rng.uniform(180, 360), fill=colour(rng), width=5)


_CRUMBS: tuple[Callable[[ImageDraw.ImageDraw, Random, Point], None], ...] = (
    _scrap,
    _scrap,
    _stick,
    _stub,
    _ring,
)


def _apple_core(rng: Random) -> Image.Image:
    image, pen = layer()
    skin = colour(rng, (0.5, 0.9), (0.5, 0.9))
    flesh = hsv(rng.uniform(0.1, 0.17), rng.uniform(0.2, 0.5), rng.uniform(0.7, 0.95))
    waist, wide = rng.uniform(22, 36), rng.uniform(62, 80)
    pen.ellipse((MID - wide, 60, MID + wide, 140), fill=skin)
    pen.ellipse((MID - wide * 0.9, 185, MID + wide * 0.9, 262), fill=skin)
    middle = [(MID - wide * 0.85, 105), (MID - waist, 150), (MID - wide * 0.75, 222)]
    middle += [(2 * MID - x, y) for x, y in reversed(middle)]
    pen.polygon(middle, fill=flesh)
    for _ in range(rng.randint(3, 7)):  # bites
        x, y = MID + rng.uniform(-waist, waist) * 1.5, rng.uniform(110, 215)
        pen.ellipse((x - 12, y - 9, x + 12, y + 9), fill=shaded(flesh, rng.uniform(0.75, 1.1)))
    for x in (MID - 7, MID + 7):
        pen.ellipse((x - 5, 155, x + 5, 174), fill=(60, 38, 22))
    pen.line((MID, 72, MID + rng.uniform(-14, 14), 28), fill=(85, 58, 32), width=7)
    return image


def _peel(rng: Random) -> Image.Image:
    """A banana's: three to five arms from one end."""
    image, pen = layer()
    skin = hsv(rng.uniform(0.08, 0.22), rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.95))
    arms = rng.randint(3, 5)
    for arm in range(arms):
        angle = math.tau * arm / arms + rng.uniform(-0.35, 0.35)
        reach, bend = rng.uniform(95, 135), rng.uniform(-0.5, 0.5)
        spine = [
            (MID + r * math.cos(angle + bend * r / 100), MID + r * math.sin(angle + bend * r / 100))
            for r in (reach * step / 8 for step in range(9))
        ]
        for step, (x, y) in enumerate(spine):
            half = 25 * (1 - step / 9) + 5
            tone = shaded(skin, rng.uniform(0.85, 1.05))
            pen.ellipse((x - half, y - half, x + half, y + half), fill=tone)
        pen.line(spine, fill=shaded(skin, 0.7), width=4)
        for _ in range(rng.randint(1, 4)):
            x, y = rng.choice(spine)
            pen.ellipse((x - 5, y - 4, x + 5, y + 4), fill=(70, 45, 20))
    pen.ellipse((MID - 14, MID - 14, MID + 14, MID + 14), fill=(90, 62, 30))
    return image


def _wrapper(rng: Random) -> Image.Image:
    """A snack bag: creased foil between two toothed seams."""
    image, pen = layer()
    base, wide, high = colour(rng, (0.3, 0.9)), rng.uniform(70, 90), rng.uniform(95, 125)
    edges = [(-1, -1), (0, -0.95), (1, -1), (1.05, -0.4), (0.95, 0.3), (1, 1)]
    edges += [(0, 0.96), (-1, 1), (-0.95, 0.35), (-1.05, -0.35)]
    corners = [(MID + x * wide, MID + y * high) for x, y in edges]
    facets(pen, rng, corners, base, 0.35)
    pen.polygon(blob(rng, (MID, MID), 45, 12, 0.25), fill=colour(rng, (0.4, 0.95), (0.6, 1)))
    for y, tip in ((MID - high, -9), (MID + high, 9)):
        x = MID - wide
        while x < MID + wide:
            pen.polygon([(x, y), (x + 8, y + tip), (x + 16, y)], fill=shaded(base, 0.8))
            x += 16
        pen.line((MID - wide, y - tip, MID + wide, y - tip), fill=shaded(base, 1.25), width=3)
    return image
