"""The fonts of figures: those that are installed, and what none of them draws."""

# matplotlib leaves a part of the type of a path open.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

from tasks.sheets.font import chinese_font

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

    found = _chinese()
    # matplotlib looks once, and keeps what it saw on disk: not what was installed since.
    if not found and (noto := chinese_font()) is not None:
        fontManager.addfont(noto)
        found = _chinese()
    return [_LATIN, *found]


def undrawn(text: str) -> str:
    """The characters of a text that a PNG shows as boxes, each once, sorted."""
    from matplotlib.font_manager import findfont, get_font

    known = {code for name in families() for code in get_font(findfont(name)).get_charmap()}
    return "".join(sorted(one for one in set(text) if ord(one) not in known))


def _chinese() -> list[str]:
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    return [name for name in _CHINESE if name in known]
