"""A contact sheet: rows of small pictures with a line or two below each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from tasks.sheets.font import font, shortened

TILE_PX = 160
_MARGIN_PX = 16
_GAP_PX = 10
_LINE_PX = 17
_TITLE_PX, _TEXT_PX = 22, 12
_FEWEST = 4  # columns, so that a title has room
_PAPER, _FRAME, _INK, _MUTED = "white", "#eeeeee", "#111111", "#666666"


class Tile(NamedTuple):
    """A picture and the lines below it."""

    picture: Image.Image
    lines: tuple[str, ...]


Row = Sequence[Tile]


def grid(tiles: Sequence[Tile], columns: int) -> list[Row]:
    """The tiles in rows of so many.

    >>> [len(row) for row in grid([Tile(Image.new("RGB", (1, 1)), ())] * 5, 3)]
    [3, 2]
    """
    return [tiles[start : start + columns] for start in range(0, len(tiles), columns)]


def sheet(title: str, subtitle: str, rows: Sequence[Row]) -> bytes:
    """The PNG of a sheet; a row is as high as its tiles' lines ask for.

    Args:
      title: drawn on top.
      subtitle: smaller, below it.
      rows: at least one, each of at least one tile.
    """
    heights = [TILE_PX + _LINE_PX * max(len(tile.lines) for tile in row) + _GAP_PX for row in rows]
    width = max(_FEWEST, *(len(row) for row in rows)) * (TILE_PX + _GAP_PX) + 2 * _MARGIN_PX
    top = 2 * _MARGIN_PX + _TITLE_PX + _LINE_PX
    paper = Image.new("RGB", (width, top + sum(heights) + _MARGIN_PX), _PAPER)
    draw = ImageDraw.Draw(paper)
    draw.text((_MARGIN_PX, _MARGIN_PX // 2), title, fill=_INK, font=font(_TITLE_PX))
    below = (_MARGIN_PX, _MARGIN_PX + _TITLE_PX)
    draw.text(below, subtitle, fill=_MUTED, font=font(_TEXT_PX))
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            _draw(paper, draw, tile, (_MARGIN_PX + column * (TILE_PX + _GAP_PX), top))
        top += height
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()


def _draw(
    paper: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int]
) -> None:
    left, top = corner
    small = tile.picture.convert("RGB")
    small.thumbnail((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
    draw.rectangle((left, top, left + TILE_PX - 1, top + TILE_PX - 1), fill=_FRAME)
    inset = ((TILE_PX - small.width) // 2, (TILE_PX - small.height) // 2)
    paper.paste(small, (left + inset[0], top + inset[1]))
    for number, line in enumerate(tile.lines):
        text = shortened(line, TILE_PX, _TEXT_PX)
        place = (left, top + TILE_PX + number * _LINE_PX)
        draw.text(place, text, fill=_INK if number == 0 else _MUTED, font=font(_TEXT_PX))
