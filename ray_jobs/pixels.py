"""Any decodable picture as upright RGB."""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import ExifTags, Image, ImageOps


def upright(image: Image.Image) -> Image.Image:
    """The picture as it is meant to be seen, in mode RGB; of an animation, the first frame.

    The rotation in EXIF is applied, alpha is laid on white, 16 bits become the upper 8. Colour
    profiles are ignored, as training ignores them.

    Raises:
      Exception: anything that a decoder raises on broken bytes; ValueError where the range of the
        samples is not known.
    """
    image.load()
    if orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    return _rgb(image)


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 is upright, and stands for metadata that cannot be read."""
    try:
        return int(cast("int", image.getexif().get(ExifTags.Base.Orientation, 1)))
    except Exception:  # Pillow raises half a dozen types here
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in {"I", "F"}:
        raise ValueError(f"samples of mode {image.mode} have no known range")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(paper, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
