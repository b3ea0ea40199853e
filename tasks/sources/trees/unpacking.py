"""Streams packed with gzip, bzip2 or xz, told by their first bytes; unpacked up to a limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from ray_jobs.contract.errors import DataError
from tasks.sources.trees.members import MAX_RATIO

MAX_UNPACKED_BYTES = 200 * 10**9
_CHUNK_BYTES = 2**20
_OPENERS: tuple[tuple[bytes, Callable[[Path], object]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
# What a broken stream raises, apart from the OSErrors of gzip and bz2.
_BROKEN = (EOFError, zlib.error, lzma.LZMAError)


def is_packed(path: Path) -> bool:
    """Whether a file is packed as a stream."""
    return _opener(path) is not None


def opened(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where they are packed."""
    opener = _opener(path)
    return path.open("rb") if opener is None else cast("BinaryIO", opener(path))


def unpack(path: Path, out: BinaryIO) -> None:
    """Write the unpacked bytes of a file to `out`.

    Raises:
      DataError: the stream is broken, or unpacks to more than any photos would.
    """
    limit = min(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size + _CHUNK_BYTES)
    written = 0
    with opened(path) as stream:
        while chunk := _next(stream):
            written += len(chunk)
            if written > limit:
                raise DataError(
                    f"the archive unpacks to more than {limit:,} bytes",
                    f"at most {MAX_RATIO} times its own size, and {MAX_UNPACKED_BYTES:,} bytes",
                    "Look at what it is; pack the photos in smaller archives",
                )
            out.write(chunk)
    out.flush()


def broken(error: Exception) -> DataError:
    """The error of an archive that cannot be read to its end."""
    return DataError(
        f"the archive cannot be read: {error}",
        "a whole ZIP or tar archive, the latter plain or packed with gzip, bzip2 or xz",
        "Pack or copy it again",
    )


def _next(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_CHUNK_BYTES)
    except (*_BROKEN, OSError) as error:
        raise broken(error) from error


def _opener(path: Path) -> Callable[[Path], object] | None:
    with path.open("rb") as file:
        head = file.read(8)
    return next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
