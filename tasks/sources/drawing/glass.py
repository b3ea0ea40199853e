"""Glass: bottles, jars and stemmed glasses, half clear, with thin reflections."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing import turned
from tasks.sources.drawing.pens import MID, Colour, colour
from tasks.sources.drawing.prints import stick_label


def glass(rng: Random) -> Image.Image:
    """A bottle, a jar or a stemmed glass."""
    return rng.choice((_wine_bottle, _wine_bottle, _jar, _stemmed_glass))(rng)


def _wine_bottle(rng: Random) -> Image.Image:
    neck, wide, shoulder = rng.uniform(12, 17), rng.uniform(40, 54), rng.uniform(95, 140)
    outline = [(18, neck + 3), (30, neck + 3), (31, neck), (shoulder - 30, neck + 2)]
    outline += [(shoulder - 12, wide * 0.6), (shoulder + 4, wide * 0.88), (shoulder + 24, wide)]
    outline += [(296, wide), (302, wide * 0.9)]
    image = turned.body(outline, _glass_colour(rng), turned.glassy)
    if rng.random() < 0.6:
        top = rng.uniform(shoulder + 35, shoulder + 60)
        stick_label(image, rng, (MID - wide + 1, top, MID + wide - 1, top + rng.uniform(50, 80)))
    return image


def _jar(rng: Random) -> Image.Image:
    wide, top = rng.uniform(62, 85), rng.uniform(70, 110)
    outline = [(top, wide - 10), (top + 20, wide - 10), (top + 36, wide), (285, wide)]
    image = turned.body([*outline, (296, wide - 12)], _glass_colour(rng), turned.glassy)
    if rng.random() < 0.6:
        lid = turned.body([(top - 18, wide - 8), (top + 8, wide - 6)], colour(rng), turned.metallic)
        image.alpha_composite(lid)
    else:
        rim = (MID - wide + 10, top - 9, MID + wide - 10, top + 9)
        ImageDraw.Draw(image).ellipse(rim, outline=(255, 255, 255, 210), width=3)
    if rng.random() < 0.5:
        stick_label(image, rng, (MID - wide + 1, 190, MID + wide - 1, 250))
    return image


def _stemmed_glass(rng: Random) -> Image.Image:
    wide, deep = rng.uniform(48, 72), rng.uniform(130, 170)
    outline = [(30, wide * 0.85), (deep * 0.6, wide), (deep, wide * 0.55), (deep + 18, 6)]
    outline += [(275, 5), (284, wide * 0.4), (294, wide * 0.85)]
    image = turned.body(outline, _glass_colour(rng), turned.glassy)
    rim = (MID - wide * 0.85, 20, MID + wide * 0.85, 40)
    ImageDraw.Draw(image).ellipse(rim, outline=(255, 255, 255, 220), width=3)
    return image


def _glass_colour(rng: Random) -> Colour:
    return colour(rng, (0.05, 0.9), (0.35, 0.95))
