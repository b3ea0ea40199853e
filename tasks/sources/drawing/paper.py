"""Paper: sheets, newspapers, envelopes and crumpled balls, written on."""

from __future__ import annotations

from random import Random

from PIL import Image, ImageDraw

from tasks.sources.drawing.pens import (
    MID,
    Box,
    Colour,
    between,
    blob,
    colour,
    facets,
    layer,
    shaded,
)


def paper(rng: Random) -> Image.Image:
    """Printed sheets, a newspaper, an envelope or a crumpled ball."""
    return rng.choice((_sheets, _newspaper, _envelope, _crumpled))(rng)


def _paper_colour(rng: Random) -> Colour:
    return colour(rng, (0.0, 0.35), (0.75, 1.0))


def _sheets(rng: Random) -> Image.Image:
    """One to three sheets, one upon the other, the top one written on."""
    image, _ = layer()
    count = rng.randint(1, 3)
    for place in range(count):
        sheet, pen = layer()
        base = _paper_colour(rng)
        wide, high = rng.uniform(70, 95), rng.uniform(95, 130)
        box = (MID - wide, MID - high, MID + wide, MID + high)
        pen.rectangle(box, fill=base, outline=shaded(base, 0.7), width=2)
        if rng.random() < 0.5:
            _dog_ear(pen, box, base, rng.uniform(18, 40))
        if place == count - 1:
            _text(pen, rng, (box[0] + 14, box[1] + 16, box[2] - 14, box[3] - 16), 9)
        image.alpha_composite(sheet.rotate(rng.uniform(-25, 25), Image.Resampling.BILINEAR))
    return image


def _newspaper(rng: Random) -> Image.Image:
    image, pen = layer()
    base = colour(rng, (0.0, 0.2), (0.7, 0.95))
    wide, high = rng.uniform(95, 115), rng.uniform(105, 135)
    left, top = MID - wide, MID - high
    pen.rectangle((left, top, MID + wide, MID + high), fill=base, outline=shaded(base, 0.6))
    pen.rectangle((left + 10, top + 10, MID + wide - 10, top + 34), fill=(40, 40, 42))
    columns = rng.randint(2, 4)
    each = (2 * wide - 20) / columns
    picture = rng.randrange(columns)
    for column in range(columns):
        x, y = left + 10 + column * each, top + 46
        if column == picture:
            pen.rectangle((x + 3, y, x + each - 3, y + 62), fill=colour(rng, (0, 0.6)))
            y += 70
        _text(pen, rng, (x + 3, y, x + each - 3, MID + high - 10), 7)
    pen.line((left, MID, MID + wide, MID + rng.uniform(-4, 4)), fill=shaded(base, 0.8), width=2)
    return image


def _envelope(rng: Random) -> Image.Image:
    image, pen = layer()
    base = _paper_colour(rng)
    wide, high = rng.uniform(105, 130), rng.uniform(62, 85)
    left, top, right, bottom = MID - wide, MID - high, MID + wide, MID + high
    pen.rectangle((left, top, right, bottom), fill=base, outline=shaded(base, 0.6), width=2)
    if rng.random() < 0.5:
        tip = (MID, MID + rng.uniform(0, 20))
        pen.line([(left, top), tip, (right, top)], fill=shaded(base, 0.65), width=4)
        pen.line([(left, bottom), tip, (right, bottom)], fill=shaded(base, 0.85), width=2)
    else:
        pen.rectangle((right - 42, top + 12, right - 12, top + 50), fill=colour(rng, (0.3, 0.9)))
        _text(pen, rng, (MID - 50, MID, MID + 60, MID + 40), 12)
    return image


def _crumpled(rng: Random) -> Image.Image:
    image, pen = layer()
    outline = blob(rng, (MID, MID), rng.uniform(85, 115), rng.randint(11, 16), 0.16)
    facets(pen, rng, outline, _paper_colour(rng), 0.3)
    for _ in range(rng.randint(4, 9)):
        x, y = MID + rng.uniform(-60, 60), MID + rng.uniform(-60, 60)
        dash = (x, y, x + rng.uniform(-30, 30), y + rng.uniform(-12, 12))
        pen.line(dash, fill=(60, 60, 65, 160), width=3)
    return image


def _text(pen: ImageDraw.ImageDraw, rng: Random, box: Box, spacing: int) -> None:
    """Lines of words; the last of a paragraph is short."""
    left, top, right, bottom = box
    ink = (*colour(rng, (0.0, 0.5), (0.1, 0.45)), 230)
    for y in range(round(top), round(bottom), spacing):
        x, end = left, right if rng.random() < 0.8 else between((left, 0), (right, 0), 0.5)[0]
        while x < end:
            word = min(rng.uniform(6, 26), end - x)
            pen.line((x, y, x + word, y), fill=ink, width=max(2, spacing // 3))
            x += word + 5


def _dog_ear(pen: ImageDraw.ImageDraw, box: Box, base: Colour, size: float) -> None:
    right, top = box[2], box[1]
    pen.polygon([(right - size, top), (right, top + size), (right, top)], fill=(0, 0, 0, 0))
    fold = [(right - size, top), (right, top + size), (right - size, top + size)]
    pen.polygon(fold, fill=shaded(base, 0.8))
