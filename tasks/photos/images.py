"""One photo: is it one, what identifies it, and the upright bytes that go into a shard.

Pillow decodes by content, a closed list of raster formats only; file names decide nothing.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from ray_jobs.photo import FORMATS, MAX_FILE_BYTES, MAX_PIXELS
from ray_jobs.pixels import orientation, upright
from tasks.photos.noting import notes_of
from tasks.photos.phash import perceptual_hash
from tasks.photos.rejection import Note, Rejected, Rejection
from tasks.photos.sniff import not_raster, other_format

MIN_SIDE_PX = 16
MAX_SIDE_PX = 512  # of what a shard holds


@dataclass(frozen=True, slots=True)
class Inspected:
    """A photo that decodes.

    Attributes:
      sha256: of the bytes, hex.
      pixel_sha256: of the upright RGB pixels and their size, hex: blind to format and metadata.
      phash: perceptual hash, 64 hex digits.
      width, height: upright, in pixels.
      format: Pillow's name of the file format.
      notes: how it differs from an upright RGB picture.
    """

    sha256: str
    pixel_sha256: str
    phash: str
    width: int
    height: int
    format: str
    notes: frozenset[Note] = frozenset()


def inspect(data: bytes) -> Inspected | Rejected:
    """What identifies a photo, or why it is none. Never raises on bad bytes."""
    if not data:
        return Rejected(Rejection.EMPTY, "0 bytes")
    if len(data) > MAX_FILE_BYTES:
        return too_large()
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Rejected(Rejection.TOO_LARGE, str(error))
    except Exception as error:  # a decoder may raise anything on hostile bytes
        return not_raster(data) or Rejected(
            Rejection.NOT_AN_IMAGE,
            other_format(data) or _said(error, f"none of {', '.join(FORMATS)}"),
        )
    with image:
        return _refused_by_size(image) or _inspect_pixels(image, data)


def too_large() -> Rejected:
    """The rejection of a file that is larger than is read."""
    return Rejected(Rejection.TOO_LARGE, f"more than {MAX_FILE_BYTES // 2**20} MiB")


def upright_rgb(data: bytes) -> bytes:
    """The JPEG that a shard holds: upright, RGB, its longest side at most 512 px.

    A JPEG that is all this already passes unchanged; anything else (a rotation in EXIF, CMYK,
    palette, alpha, 16 bits, another format) is encoded once, at quality 95 without chroma
    subsampling. Alpha is laid on white. Colour profiles are ignored, as the training ignores them.

    Args:
      data: a photo that `inspect` has accepted.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if _is_plain(image, len(data)):
            return data
        rgb = upright(image)
    rgb.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    rgb.info.clear()  # a comment would be carried over
    out = io.BytesIO()
    rgb.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def _refused_by_size(image: Image.Image) -> Rejected | None:
    width, height = image.size
    size = f"{width} x {height} pixels"
    if width * height > MAX_PIXELS:
        return Rejected(Rejection.TOO_LARGE, f"{size}, more than {MAX_PIXELS:,}")
    if min(width, height) < MIN_SIDE_PX:
        return Rejected(Rejection.TOO_SMALL, f"{size}, a side under {MIN_SIDE_PX}")
    return None


def _inspect_pixels(image: Image.Image, data: bytes) -> Inspected | Rejected:
    file_format = image.format or ""
    try:
        notes = notes_of(image, data)
        rgb = upright(image)
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise anything on hostile bytes
        text = _said(error, "not decodable")
        cut = "truncated" in text.lower()
        return Rejected(Rejection.TRUNCATED if cut else Rejection.UNDECODABLE, text)
    pixels = hashlib.sha256(f"{rgb.width}x{rgb.height}:".encode())
    pixels.update(rgb.tobytes())
    return Inspected(
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=pixels.hexdigest(),
        phash=perceptual_hash(rgb),
        width=rgb.width,
        height=rgb.height,
        format=file_format,
        notes=notes,
    )


def _is_plain(image: Image.Image, size_bytes: int) -> bool:
    """Whether the bytes may go into a shard as they are; a load of metadata may not."""
    return (
        image.format == "JPEG"
        and image.mode == "RGB"
        and max(image.size) <= MAX_SIDE_PX
        and size_bytes <= 4096 + image.width * image.height * 3
        and orientation(image) == 1
    )


def _said(error: Exception, otherwise: str) -> str:
    # Pillow names the in-memory file by its address, which would differ from run to run.
    text = str(error)
    return otherwise if not text or "BytesIO" in text else text[:120]
