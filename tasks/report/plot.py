"""A figure of the report: an SVG in the page's own colours, and a PNG to stand alone."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from tasks.report.fonts import families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PNG_DPI = 150
_CSS_PX_AN_INCH = 96
# What of its own size a figure may shrink to: its letters of 10 pt stay 9 px high and more.
_LEAST, _MOST = 0.72, 1.25
_LABEL_LETTERS = 18


class Palette(NamedTuple):
    """Colours by what they are for; `first` and `second` tell two models or two splits apart."""

    ink: str
    muted: str
    line: str
    first: str
    second: str


_PRINT = Palette("#1d1f23", "#5c6370", "#dfe1e4", "#1f66c9", "#b3500a")
# matplotlib knows no CSS: it draws in these, and each is exchanged for what the page defines, so
# that one drawing serves the light and the dark theme.
_PLACES = Palette("#010101", "#020202", "#030303", "#040404", "#050505")
_CSS = Palette("currentColor", "var(--muted)", "var(--line)", "var(--first)", "var(--second)")


@dataclass(frozen=True)
class Plot:
    """A figure that is not drawn yet.

    Attributes:
      name: of its PNG, without an ending.
      title: what it shows.
      alt: what a screen reader says of it.
      size_in: width and height in inches.
      draw: fills empty axes.
      keys: what the first colour stands for, and what the second.
      caption: how to read it.
    """

    name: str
    title: str
    alt: str
    size_in: tuple[float, float]
    draw: Callable[[Axes, Palette], None]
    keys: tuple[str, ...] = ()
    caption: str = ""


def svg(plot: Plot) -> Markup:
    """The drawing as an inline element, in the page's font; the same plot gives the same bytes."""
    buffer = io.StringIO()
    with _drawn(plot, _PLACES) as figure:
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z]+[A-Za-z.]*_\d+"', "", text)  # twice in a page, and never used
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)  # the page sets the size
    for place, css in zip(_PLACES, _CSS, strict=True):
        text = text.replace(place, css)
    width_px = plot.size_in[0] * _CSS_PX_AN_INCH
    size = f"min-width:{width_px * _LEAST:.0f}px;max-width:{width_px * _MOST:.0f}px"
    opening = f'<svg role="img" aria-label="{escape(plot.alt)}" style="{size}"'
    return Markup(opening + text.removeprefix("<svg"))


def png(plot: Plot) -> bytes:
    """The drawing on white, with its title and its keys, which the page says beside it."""
    buffer = io.BytesIO()
    with _drawn(plot, _PRINT) as figure:
        (axes,) = figure.axes
        axes.set_title(plot.title, loc="left", color=_PRINT.ink)
        if plot.keys:
            figure.legend(handles=_handles(plot), loc="outside lower left", ncols=2, frameon=False)
        figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white")
    return buffer.getvalue()


def label(name: str) -> str:
    """A class's name, or as much of its end as there is room for: of a path the end tells most.

    >>> label("recyclables/packaging/aluminium can")
    '…ing/aluminium can'
    """
    return name if len(name) <= _LABEL_LETTERS else "…" + name[1 - _LABEL_LETTERS :]


@contextmanager
def _drawn(plot: Plot, palette: Palette) -> Generator[Figure]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_style(palette)), warnings.catch_warnings():
        # Who draws asks `undrawn` and says it once; matplotlib would for each letter.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        figure = Figure(figsize=plot.size_in, layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        plot.draw(axes, palette)
        yield figure


def _handles(plot: Plot) -> list[Any]:
    from matplotlib.patches import Patch

    colours = (_PRINT.first, _PRINT.second)
    return [Patch(color=c, label=key) for key, c in zip(plot.keys, colours, strict=False)]


def _style(palette: Palette) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",  # text stays text, in the font of the page
        "svg.hashsalt": "sortline",
        "text.parse_math": False,  # a class may be named with dollars
        "font.family": families(),
        "font.size": 10,
        "axes.edgecolor": palette.line,
        "axes.labelcolor": palette.muted,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.color": palette.ink,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "grid.color": palette.line,
        "grid.linewidth": 0.8,
        "legend.labelcolor": palette.ink,
    }
