"""A font that has the glyphs of class names, which may be Chinese."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont

# Debian and Ubuntu (fonts-noto-cjk), Fedora, Arch; of the collection, face 2 is the Chinese one.
_CJK = (
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc"),
)
_CHINESE_FACE = 2

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size_px: int) -> Font:
    """Noto Sans CJK where it is installed, else Pillow's own, which draws Latin letters only."""
    found = chinese_font()
    if found is None:
        return ImageFont.load_default(size_px)
    return ImageFont.truetype(str(found), size_px, index=_CHINESE_FACE)


def chinese_font() -> Path | None:
    """The file of Noto Sans CJK, where it is installed."""
    return next((path for path in _CJK if path.is_file()), None)


def shortened(text: str, width_px: int, size_px: int) -> str:
    """The text, or as much of its end as fits beside an ellipsis: of a path the end tells most."""
    drawn = font(size_px)
    if drawn.getlength(text) <= width_px:
        return text
    start = 1
    while start < len(text) and drawn.getlength("…" + text[start:]) > width_px:
        start += 1
    return "…" + text[start:]
