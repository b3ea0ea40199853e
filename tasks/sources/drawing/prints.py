"""What is printed on a vessel, or glued to it."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing import turned
from tasks.sources.drawing.pens import Box, colour


def stick_label(image: Image.Image, rng: Random, box: Box) -> None:
    """Glue a printed label round the body."""
    left, top, right, bottom = box
    half = (right - left) / 2
    stuck = turned.body([(top, half), (bottom, half)], colour(rng, (0, 0.6), (0.5, 1)), turned.soft)
    image.alpha_composite(stuck)
    print_badge(ImageDraw.Draw(image, "RGBA"), rng, (left + 8, top + 8, right - 8, bottom - 8))


def print_badge(pen: ImageDraw.ImageDraw, rng: Random, box: Box) -> None:
    """A print: a badge or a few bands."""
    left, top, right, bottom = box
    ink = (*colour(rng), 200)
    if rng.random() < 0.5:
        across, down = (right - left) / 4, (bottom - top) / 4
        pen.ellipse((left + across, top + down, right - across, bottom - down), fill=ink)
    else:
        for _ in range(rng.randint(1, 3)):
            y = rng.uniform(top, bottom - 6)
            pen.rectangle((left, y, right, min(bottom, y + rng.uniform(4, 18))), fill=ink)
