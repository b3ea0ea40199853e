"""What a file is that no decoder of ours opens, told by its first bytes."""

from __future__ import annotations

from tasks.photos.rejection import Rejected, Rejection

_HEAD_BYTES = 4096
_DRAWINGS = ((b"%pdf-", "a PDF"), (b"%!ps", "PostScript"), (b"\xc5\xd0\xd3\xc6", "PostScript"))
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF"}


def not_raster(data: bytes) -> Rejected | None:
    """The rejection of a drawing or a document, or None where it is none.

    >>> str(not_raster(b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    'is no raster image: an SVG'
    """
    head = data[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!")) and b"<svg" in head):
        return Rejected(Rejection.NOT_RASTER, "an SVG")
    for start, name in _DRAWINGS:
        if head.startswith(start):
            return Rejected(Rejection.NOT_RASTER, name)
    return None


def other_format(data: bytes) -> str | None:
    """The name of a picture format that is known and not decoded, or None.

    >>> other_format(bytes(4) + b"ftypheic")
    'HEIC, which is not decoded'
    """
    brand = _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
    return f"{brand}, which is not decoded" if brand else None
