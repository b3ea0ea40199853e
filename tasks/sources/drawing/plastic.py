"""Plastic: bottles with caps and ribs, cups, jugs and carrier bags."""

from __future__ import annotations

from random import Random

from PIL import Image

from tasks.sources.drawing import turned
from tasks.sources.drawing.pens import MID, colour, layer, shaded
from tasks.sources.drawing.prints import stick_label


def plastic(rng: Random) -> Image.Image:
    """A bottle with a cap, a cup with a straw, a jug or a carrier bag."""
    return rng.choice((_pet_bottle, _pet_bottle, _cup, _jug, _bag))(rng)


def _pet_bottle(rng: Random) -> Image.Image:
    wide, shoulder = rng.uniform(44, 58), rng.uniform(80, 105)
    outline = [(40, 15), (52, 16), (shoulder, wide), (shoulder + 45, wide)]
    waist = rng.uniform(0.8, 0.95)
    for y in range(round(shoulder) + 60, 285, 18):  # ribs
        outline += [(y, wide * waist), (y + 9, wide)]
    outline += [(302, wide), (308, wide * 0.85)]
    image = turned.body(outline, colour(rng, (0.05, 0.5), (0.7, 0.98)), turned.filmy)
    image.alpha_composite(turned.body([(22, 17), (42, 18)], colour(rng, (0.5, 0.9)), turned.soft))
    wrap = [(shoulder + 12, wide), (shoulder + rng.uniform(45, 80), wide)]
    image.alpha_composite(turned.body(wrap, colour(rng), turned.soft))
    return image


def _cup(rng: Random) -> Image.Image:
    wide, base = rng.uniform(64, 80), rng.uniform(42, 55)
    image, pen = layer()
    straw = colour(rng, (0.4, 0.9), (0.5, 1.0))
    pen.line((MID + 10, 110, MID + rng.uniform(25, 60), 12), fill=straw, width=11)
    cup = turned.body(
        [(96, wide), (300, base)], colour(rng), rng.choice((turned.soft, turned.filmy))
    )
    image.alpha_composite(cup)
    lid = [(78, wide * 0.8), (90, wide * 0.9), (91, wide + 6), (102, wide + 6)]
    image.alpha_composite(turned.body(lid, (240, 242, 245), turned.filmy))
    return image


def _jug(rng: Random) -> Image.Image:
    base = colour(rng, (0.0, 0.9), (0.45, 0.98))
    image, pen = layer()
    wide = rng.uniform(60, 74)
    handle = (MID + wide * 0.25, 75, MID + wide + 26, 190)
    pen.rounded_rectangle(handle, 30, outline=shaded(base, 0.75), width=22)
    outline = [(52, 22), (70, 24), (110, wide * 0.75), (150, wide), (296, wide), (304, wide - 10)]
    image.alpha_composite(turned.body(outline, base, turned.soft))
    image.alpha_composite(turned.body([(24, 25), (54, 27)], colour(rng, (0.5, 1)), turned.soft))
    stick_label(image, rng, (MID - wide * 0.8, 190, MID + wide * 0.8, 270))
    return image


def _bag(rng: Random) -> Image.Image:
    """A carrier bag: two handles, a belly, creases."""
    image, pen = layer()
    base, wide = colour(rng, (0.0, 0.7), (0.6, 1.0)), rng.uniform(75, 100)
    for x in (MID - wide * 0.55, MID + wide * 0.55):
        pen.rounded_rectangle((x - 26, 25, x + 26, 150), 24, outline=(*base, 230), width=15)
    waist = [(MID - wide, 110), (MID + wide, 110), (MID + wide * 1.15, 220), (MID + wide, 296)]
    waist += [(MID - wide * 0.95, 300), (MID - wide * 1.12, 215)]
    pen.polygon(waist, fill=(*base, 225))
    for _ in range(rng.randint(8, 16)):
        x, y = MID + rng.uniform(-0.8, 0.8) * wide, rng.uniform(115, 250)
        light = (255, 255, 255, 110) if rng.random() < 0.5 else (*shaded(base, 0.6), 130)
        crease = (x, y, x + rng.uniform(-30, 30), y + rng.uniform(20, 50))
        pen.line(crease, fill=light, width=rng.randint(2, 6))
    if rng.random() < 0.6:
        pen.ellipse((MID - 38, 175, MID + 38, 245), fill=(*colour(rng, (0.4, 0.9)), 210))
    return image
