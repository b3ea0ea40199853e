"""Cardboard: boxes and torn board, with the flutes of their cut edges."""

from __future__ import annotations

import math
from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing.pens import (
    MID,
    SIDE,
    Colour,
    Point,
    between,
    blob,
    colour,
    hsv,
    layer,
    shaded,
)


def cardboard(rng: Random) -> Image.Image:
    """A box, closed or with its flaps open, or a torn piece of corrugated board."""
    return rng.choice((_closed_box, _open_box, _torn_board))(rng)


def _board_colour(rng: Random) -> Colour:
    """Brown as a rule; printed and bleached boxes come in any colour."""
    if rng.random() < 0.5:
        return hsv(rng.uniform(0.05, 0.11), rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.85))
    return colour(rng, (0.05, 0.7), (0.4, 0.9))


def _closed_box(rng: Random) -> Image.Image:
    image, pen = layer()
    top, left, right = _box(pen, rng, base := _board_colour(rng))
    tape = (*rng.choice(((205, 180, 130), (225, 225, 215), shaded(base, 1.25))), 220)
    for here in (0.44, 0.5):
        ends = between(top[0], top[1], here), between(top[3], top[2], here)
        pen.line(ends, fill=tape, width=9)
    _edge(pen, left, base)
    middle = between(right[0], right[2], 0.5)
    ink = (*shaded(base, 0.4), 200)
    for step in range(rng.randint(1, 4)):
        y = middle[1] + 10 * step
        pen.line((middle[0] - 22, y + 8, middle[0] + 22, y - 8), fill=ink, width=5)
    return image


def _open_box(rng: Random) -> Image.Image:
    image, pen = layer()
    top, left, _ = _box(pen, rng, base := _board_colour(rng))
    pen.polygon(top, fill=shaded(base, 0.35))
    for index, light in enumerate((1.05, 0.85, 1.15, 0.95)):
        a, b = top[index], top[(index + 1) % 4]
        out = between((MID, sum(y for _, y in top) / 4), between(a, b, 0.5), rng.uniform(1.5, 1.9))
        shift = (out[0] - (a[0] + b[0]) / 2, out[1] - (a[1] + b[1]) / 2 - rng.uniform(0, 18))
        flap = [a, b, (b[0] + shift[0], b[1] + shift[1]), (a[0] + shift[0], a[1] + shift[1])]
        pen.polygon(flap, fill=shaded(base, light), outline=shaded(base, 0.55))
        _edge(pen, [flap[3], flap[2]], base)
    _edge(pen, left, base)
    return image


def _box(
    pen: ImageDraw.ImageDraw, rng: Random, base: Colour
) -> tuple[list[Point], list[Point], list[Point]]:
    """Three faces of a box seen from above; returns the corners of top, left and right."""
    wide, deep, high = rng.uniform(70, 105), rng.uniform(60, 105), rng.uniform(50, 125)
    rise, y0 = rng.uniform(0.35, 0.6), MID - high / 2
    front, back = (MID, y0 + rise * 70), (MID + deep - wide, y0 - rise * 70)
    west, east = (MID - wide, y0 - rise * 8), (MID + deep, y0 - rise * 8)
    top = [west, back, east, front]
    down = [(x, y + high) for x, y in (west, front, east)]
    left, right = [west, front, down[1], down[0]], [front, east, down[2], down[1]]
    for face, light in ((top, 1.15), (left, 0.9), (right, 0.68)):
        pen.polygon(face, fill=shaded(base, light), outline=shaded(base, 0.5))
    return top, left, right


def _torn_board(rng: Random) -> Image.Image:
    """A flat piece: ragged outline, flutes where the liner is gone."""
    image, pen = layer()
    base, tilt = _board_colour(rng), rng.uniform(-0.15, 0.15)
    outline = _ragged(rng, rng.uniform(85, 120), rng.uniform(70, 115))
    pen.polygon(outline, fill=base, outline=shaded(base, 0.5))
    bare = Image.new("L", (SIDE, SIDE), 0)
    ImageDraw.Draw(bare).polygon(
        blob(rng, (MID + rng.uniform(-60, 60), MID + rng.uniform(-45, 45)), 70, 9, 0.35), fill=255
    )
    flutes, stripes = layer()
    for at in range(0, SIDE, step := rng.choice((8, 10, 13))):
        slant = tilt * SIDE
        stripes.line((at, 0, at + slant, SIDE), fill=shaded(base, 0.62), width=step // 2)
        stripes.line((at + step / 2, 0, at + step / 2 + slant, SIDE), fill=shaded(base, 1.15))
    silhouette = Image.new("L", (SIDE, SIDE), 0)
    silhouette.paste(bare, (0, 0), image.getchannel("A"))
    image.paste(flutes, (0, 0), silhouette)
    pen.line((MID - 100, MID + rng.uniform(-40, 40), MID + 100, MID), fill=shaded(base, 0.75))
    return image


def _ragged(rng: Random, half_wide: float, half_high: float) -> list[Point]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    torn = rng.randrange(4)
    points: list[Point] = []
    for index, (x, y) in enumerate(corners):
        after = corners[(index + 1) % 4]
        steps = 14 if index == torn else 1
        for step in range(steps):
            along = between((x, y), after, step / steps)
            jag = rng.uniform(-9, 9) if steps > 1 else 0
            points.append((MID + along[0] * half_wide + jag, MID + along[1] * half_high + jag))
    return points


def _edge(pen: ImageDraw.ImageDraw, line: list[Point], base: Colour) -> None:
    """The cut edge of corrugated board along the first two points: a fine zigzag."""
    a, b = line[0], line[1]
    teeth = max(4, int(math.dist(a, b) / 6))
    for tooth in range(teeth):
        start, end = between(a, b, tooth / teeth), between(a, b, (tooth + 0.5) / teeth)
        pen.line((start[0], start[1], end[0], end[1] + 5), fill=shaded(base, 0.45), width=2)
