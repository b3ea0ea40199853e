"""Bodies of revolution (bottles, cans, cups): an outline, and how light falls round it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.sources.drawing.pens import MID, SIDE, Colour

Outline = Sequence[tuple[float, float]]  # (y, half width), from top to bottom
Field = NDArray[np.float64]
_STEPS = 256  # from the middle to an edge

Light = Callable[[Field], tuple[Field, Field]]  # across, -1..1 -> brightness, opacity


def body(outline: Outline, base: Colour, light: Light) -> Image.Image:
    """A layer with one body.

    Args:
      outline: its half widths, between which lines are drawn.
      base: its colour.
      light: brightness (1 is the colour itself, 2 is white) and opacity (0..1), by the place
        across the body, -1 at its left edge to 1 at its right.
    """
    heights, widths = (np.array(values, dtype=np.float32) for values in zip(*outline, strict=True))
    rows = np.arange(SIDE, dtype=np.float32) + 0.5
    half = np.interp(rows, heights, widths, left=0.0, right=0.0).astype(np.float32)
    offset = rows - np.float32(MID)
    steps = offset / np.maximum(half, np.float32(1e-3))[:, np.newaxis] * _STEPS
    place = np.clip(steps + (_STEPS + 1), 0, 2 * _STEPS + 2).astype(np.intp)
    return Image.fromarray(_strip(base, light)[place].view(np.uint8).reshape(SIDE, SIDE, 4))


def metallic(across: Field) -> tuple[Field, Field]:
    """Hard bands, as of polished sheet."""
    bands = 0.75 + 0.55 * _band(across, -0.45, 0.18) + 0.35 * _band(across, 0.55, 0.1)
    edges = 0.45 * _band(across, -1.0, 0.22) + 0.5 * _band(across, 1.0, 0.25)
    dark = 0.25 * _band(across, -0.1, 0.12) + 0.2 * _band(across, 0.3, 0.08)
    return bands - edges - dark, np.ones_like(across)


def glassy(across: Field) -> tuple[Field, Field]:
    """Clear in the middle, dark at the edges, with thin reflections."""
    rim = np.abs(across) ** 5
    streaks = _band(across, -0.62, 0.07) + 0.6 * _band(across, 0.72, 0.04)
    brightness = 1 - 0.45 * rim + 0.95 * np.minimum(streaks, 1)
    opacity = 0.42 + 0.5 * rim + 0.5 * np.minimum(streaks, 1)
    return brightness, np.minimum(opacity, 1)


def soft(across: Field) -> tuple[Field, Field]:
    """A dull round, as of thick plastic."""
    return 1.08 - 0.26 * (across + 0.3) ** 2, np.ones_like(across)


def filmy(across: Field) -> tuple[Field, Field]:
    """Thin plastic: half clear, with broad pale reflections."""
    pale = _band(across, -0.4, 0.3) + 0.7 * _band(across, 0.5, 0.18)
    return 0.95 + 0.5 * pale - 0.2 * across**4, np.minimum(0.6 + 0.3 * pale + 0.2 * across**4, 1)


def _band(across: Field, centre: float, width: float) -> Field:
    """1 at the centre, 0 from the width on."""
    near = np.maximum(0, 1 - np.abs(across - centre) / width)
    return near * near * (3 - 2 * near)


def _strip(base: Colour, light: Light) -> NDArray[np.uint32]:
    """RGBA from the left edge to the right, one uint32 a pixel; the first and last are clear."""
    across = np.linspace(-1, 1, 2 * _STEPS + 1)
    brightness, opacity = light(across)
    lit = np.asarray(base, dtype=np.float64) * np.minimum(brightness, 1)[:, np.newaxis]
    white = np.clip(brightness - 1, 0, 1)[:, np.newaxis]
    pixels = np.column_stack([lit + (255 - lit) * white, 255 * opacity]).clip(0, 255)
    strip = np.zeros((2 * _STEPS + 3, 4), dtype=np.uint8)
    strip[1:-1] = pixels.astype(np.uint8)
    return strip.view(np.uint32)[:, 0]
