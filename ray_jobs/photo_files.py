"""Photos as a user names them: which files are meant, their bytes, and the picture in them."""

from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from ray_jobs.contract.errors import DataError
from ray_jobs.photo import ENDINGS, FORMATS, MAX_FILE_BYTES, MAX_PIXELS

_STANDARD_INPUT = "-"
_ENDINGS = frozenset[str]().union(*ENDINGS.values())
_PHOTO = f"a {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


class Found(NamedTuple):
    """The photos that a word of the command line means, and how many other files lie there."""

    photos: list[str]
    skipped: int


def find_photos(named: str) -> Found:
    """The file, or the photos below the folder in their order; where it has none, itself.

    What is hidden does not count. What is named like a photo is taken for one, broken or not;
    anything else only if its content is one. A folder below that may not be looked into is named as
    one, so that reading it tells why.
    """
    folder = Path(named)
    if named in ("", _STANDARD_INPUT) or not _is_folder(folder):
        return Found([named], 0)
    files, closed = _below(folder)
    photos = [path for path in files if _is_photo(path)]
    told = [str(path) for path in sorted(photos + closed)]
    return Found(told or [named], len(files) - len(photos))


def _below(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files below a folder, and the folders there that may not be looked into."""
    errors: list[OSError] = []
    walk = os.walk(folder, onerror=errors.append)
    paths = [Path(root, name) for root, _, names in walk for name in names]
    files = [path for path in paths if not _is_hidden(path, folder) and _is_file(path)]
    closed = [Path(error.filename) for error in errors]
    return files, [path for path in closed if not _is_hidden(path, folder)]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it as a file tells why
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # reading it tells why
        return True


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_photo(path: Path) -> bool:
    if path.suffix.lower() in _ENDINGS:
        return True
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS):
            return True
    except Exception:  # a decoder may raise anything on what is no photo
        return False


def read_photo(name: str) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
      DataError: they cannot be read, are none, or are too many.
    """
    if not name:
        raise DataError("an empty name", _PHOTO, "Name a file or a folder")
    try:
        data = _read(name, MAX_FILE_BYTES + 1)
    except IsADirectoryError as error:
        raise DataError("no photo lies in this folder", _PHOTO, "Name another folder") from error
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise DataError(why, _PHOTO, "Name another file") from error
    if not data:
        raise DataError("0 bytes", _PHOTO, "Name another file")
    if len(data) > MAX_FILE_BYTES:
        limit = f"{MAX_FILE_BYTES // 2**20} MiB"
        raise DataError(f"more than {limit}", f"at most {limit}", "Make the photo smaller")
    return data


def _read(name: str, limit: int) -> bytes:
    if name == _STANDARD_INPUT:
        return sys.stdin.buffer.read(limit)
    with Path(name).open("rb") as file:
        return file.read(limit)


def open_photo(data: bytes) -> Image.Image:
    """The picture in the bytes, not decoded yet.

    Raises:
      DataError: it is of no format that is read, or has too many pixels.
      Exception: anything that a decoder raises on broken bytes.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise DataError("is no picture", _PHOTO, "Name another file") from error
    except Image.DecompressionBombError as error:  # of twice as many, without their number
        raise _too_many(f"more than {2 * MAX_PIXELS:,} pixels") from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_many(f"{image.width} x {image.height} pixels")
    return image


def _too_many(found: str) -> DataError:
    return DataError(found, f"at most {MAX_PIXELS:,} pixels", "Make the photo smaller")
