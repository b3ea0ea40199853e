"""Metal: cans and tins, with the hard reflections of sheet."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing import turned
from tasks.sources.drawing.pens import MID, Colour, Point, colour, hsv, shaded
from tasks.sources.drawing.prints import print_badge


def metal(rng: Random) -> Image.Image:
    """A drink can, a food tin or a spray can."""
    return rng.choice((_drink_can, _drink_can, _food_tin, _spray_can))(rng)


def _drink_can(rng: Random) -> Image.Image:
    wide = rng.uniform(50, 64)
    top, bottom = rng.uniform(45, 75), rng.uniform(255, 290)
    silver = hsv(rng.random(), rng.uniform(0, 0.08), rng.uniform(0.7, 0.9))
    ends = [(top, wide - 9), (top + 18, wide), (bottom - 14, wide), (bottom, wide - 10)]
    image = turned.body(ends, silver, turned.metallic)
    print_ = [(top + 19, wide), (bottom - 15, wide)]
    image.alpha_composite(turned.body(print_, colour(rng), turned.metallic))
    pen = ImageDraw.Draw(image, "RGBA")
    print_badge(pen, rng, (MID - wide, top + 40, MID + wide, bottom - 40))
    _lid(pen, (MID, top), wide - 9, silver)
    return image


def _food_tin(rng: Random) -> Image.Image:
    wide, top, bottom = rng.uniform(60, 85), rng.uniform(70, 100), rng.uniform(235, 275)
    tin = hsv(rng.random(), rng.uniform(0, 0.1), rng.uniform(0.6, 0.9))
    image = turned.body([(top, wide), (bottom, wide)], tin, turned.metallic)
    pen = ImageDraw.Draw(image, "RGBA")
    for y in range(round(top) + 18, round(bottom) - 8, rng.choice((9, 12, 16))):
        pen.arc((MID - wide, y - 14, MID + wide, y + 14), 0, 180, fill=(40, 40, 45, 120), width=3)
    base = [(bottom, wide), (bottom + 8, wide - 6)]
    image.alpha_composite(turned.body(base, shaded(tin, 0.7), turned.metallic))
    if rng.random() < 0.5:
        band = [(top + 35, wide + 1), (bottom - 35, wide + 1)]
        image.alpha_composite(turned.body(band, colour(rng), turned.soft))
    _lid(pen, (MID, top), wide, tin)
    return image


def _spray_can(rng: Random) -> Image.Image:
    wide, top = rng.uniform(36, 48), rng.uniform(85, 110)
    outline = [(top, wide * 0.5), (top + 14, wide * 0.9), (top + 22, wide), (300, wide)]
    image = turned.body(outline, colour(rng), turned.metallic)
    image.alpha_composite(turned.body([(top - 26, 11), (top, 14)], colour(rng), turned.soft))
    steel = turned.body([(top - 2, wide * 0.6), (top + 12, wide)], (200, 203, 208), turned.metallic)
    image.alpha_composite(steel)
    print_badge(ImageDraw.Draw(image, "RGBA"), rng, (MID - wide, top + 40, MID + wide, 270))
    return image


def _lid(pen: ImageDraw.ImageDraw, centre: Point, wide: float, silver: Colour) -> None:
    """The top of a can, with its ring."""
    x, y = centre
    pen.ellipse((x - wide, y - 16, x + wide, y + 16), fill=shaded(silver, 1.1))
    pen.ellipse((x - wide, y - 16, x + wide, y + 16), outline=shaded(silver, 0.6), width=3)
    pen.ellipse((x - wide + 7, y - 11, x + wide - 7, y + 11), fill=shaded(silver, 0.85))
    pen.ellipse((x - 16, y - 6, x + 12, y + 6), outline=(70, 70, 75), width=4)
