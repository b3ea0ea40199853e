"""The fonts of figures: those that are installed, and what none of them draws."""

# matplotlib leaves a part of the type of a path open.
# pyright: reportUnknownVariableType=false

from __future__ import annotations

# Comes with matplotlib, and knows no Chinese.
_LATIN = "DejaVu Sans"
# The first that is installed draws what the Latin one has no glyph for.
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # what older matplotlib sees of the same file
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Microsoft YaHei",
)


def families() -> list[str]:
    """Names of the fonts to draw with, in order; the Latin one alone where no Chinese one is."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return [_LATIN, *(name for name in _CHINESE if name in installed)]


def undrawn(text: str) -> str:
    """The characters of a text that a PNG shows as boxes, each once, sorted."""
    from matplotlib.font_manager import findfont, get_font

    known = {code for name in families() for code in get_font(findfont(name)).get_charmap()}
    return "".join(sorted(one for one in set(text) if ord(one) not in known))
