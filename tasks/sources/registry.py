"""From an address to a source."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ray_jobs.contract.errors import DataError, SpecError, closest
from tasks.sources.base import Source
from tasks.sources.folder import FolderSource
from tasks.sources.sample import SampleSource

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_SAMPLE = "sample:"


def open_source(uri: str, format: str = "auto") -> Source:
    """The source at an address, once it is known to hold an image.

    Args:
      uri: `sample:`, or the path of a folder of classes.
      format: one of `FORMATS`; `auto` goes by the address.

    Raises:
      SpecError: nothing is there, or it is nothing that can be read.
      DataError: it holds no image.
    """
    if format not in FORMATS:
        raise SpecError(
            f"'{format}' is not a source format", "a known format", closest(format, FORMATS)
        )
    name = _format_of(uri) if format == "auto" else format
    source = _OPENERS[name](uri)
    if next(source.images(), None) is None:
        raise DataError(
            f"'{uri}' holds no image",
            "photos in one sub-folder a class",
            "Put the photos of each class in a sub-folder that has the class's name",
        )
    return source


def _format_of(uri: str) -> str:
    return "sample" if uri.startswith(_SAMPLE) else "folder"


def _open_sample(uri: str) -> Source:
    if uri != _SAMPLE:
        raise SpecError(
            f"'{uri}' is not the address of the sample",
            f"'{_SAMPLE}', with nothing behind the colon",
            f"Pass {_SAMPLE}",
        )
    return SampleSource()


def _open_folder(uri: str) -> Source:
    scheme = _SCHEME.match(uri)
    if scheme and not Path(uri).exists():
        raise SpecError(
            f"'{uri}': sources of the scheme '{scheme[1]}:' are not read",
            f"'{_SAMPLE}' or the path of a folder",
            "Copy the photos to a folder on the machine where the ingest runs, and pass its path",
        )
    root = Path(uri).expanduser()
    if not uri or not root.exists():
        raise SpecError(
            f"the source '{uri}' does not exist",
            f"a folder of class folders on the machine where the ingest runs, or '{_SAMPLE}'",
            "Correct the path",
        )
    if not root.is_dir():
        raise SpecError(
            f"the source '{uri}' is a file",
            "a folder with one sub-folder a class",
            "Unpack it, and pass the folder's path",
        )
    return FolderSource(root)


_OPENERS: dict[str, Callable[[str], Source]] = {"folder": _open_folder, "sample": _open_sample}
FORMATS = ("auto", *_OPENERS)
