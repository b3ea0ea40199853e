"""What a photo may be, for an ingest and for a prediction alike."""

from __future__ import annotations

# A closed list: of Pillow's other decoders, one (EPS) runs a program that the file holds.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # JPEG also opens MPO, first picture only

_JPEG = {".jpg", ".jpeg", ".jpe", ".jfif"}
ENDINGS = {
    "JPEG": _JPEG,
    "MPO": _JPEG | {".mpo"},
    "PNG": {".png", ".apng"},
    "WEBP": {".webp"},
    "BMP": {".bmp", ".dib"},
    "GIF": {".gif"},
    "TIFF": {".tif", ".tiff"},
}

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 89_478_485  # Pillow's own default limit: a quarter of a gigabyte as RGB
