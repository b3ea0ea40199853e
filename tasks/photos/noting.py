"""What is noted of a photo: how it differs from an upright RGB picture under a fitting name."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import PurePosixPath

from PIL import Image

from ray_jobs.photo import ENDINGS
from ray_jobs.pixels import orientation
from tasks.photos.rejection import Note

# A phone's MPO holds a second picture of the same scene, not a film.
_FILMS = {"GIF", "PNG", "WEBP", "TIFF"}


def notes_of(image: Image.Image, data: bytes) -> frozenset[Note]:
    """What is put right when the photo is decoded.

    Args:
      image: opened, not yet decoded.
      data: its bytes.
    """
    seen = {
        Note.ANIMATED: image.format in _FILMS and _has_frames(image.format, data),
        Note.CMYK: image.mode == "CMYK",
        Note.PALETTE: image.mode in {"P", "PA"},
        Note.SIXTEEN_BIT: _is_sixteen_bit(image),
        Note.ALPHA: image.has_transparency_data,
        Note.ROTATED: orientation(image) != 1,
    }
    return frozenset(note for note, is_so in seen.items() if is_so)


def has_wrong_extension(path: str, format: str) -> bool:
    """Whether a file's name says another format than its content; no ending says none.

    >>> [has_wrong_extension(name, "PNG") for name in ("a/x.PNG", "a/x", "a/x.jpg")]
    [False, False, True]
    """
    extension = PurePosixPath(path).suffix.lower()
    return bool(extension) and extension not in ENDINGS.get(format, set())


def joined(notes: Iterable[str]) -> str | None:
    """The notes as one column holds them: sorted, with commas; None where there is none."""
    return ",".join(sorted(notes)) or None


def _has_frames(format: str, data: bytes) -> bool:
    # To count frames is to seek, which changes the picture that is being decoded: another one.
    try:
        with Image.open(io.BytesIO(data), formats=(format,)) as other:
            return bool(getattr(other, "is_animated", False))
    except Exception:  # a decoder may raise anything on hostile bytes
        return False


def _is_sixteen_bit(image: Image.Image) -> bool:
    # Pillow decodes 16-bit colour to 8 by itself; only the tiles' raw mode still tells.
    tiles: tuple[object, ...] = tuple(getattr(image, "tile", ()))
    return image.mode.startswith("I;16") or any(";16" in str(tile) for tile in tiles)
