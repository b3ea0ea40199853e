"""The files of a ZIP archive, read in place."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from tasks.rejection import Rejected
from tasks.sources.trees.base import TreeFile, shown, unread
from tasks.sources.trees.members import LINK, outside, packed
from tasks.sources.trees.unpacking import broken

_UTF8_FLAG = 0x800
_WINDOWS = 0


class ZipTree:
    """A ZIP archive. One handle serves all threads: `zipfile` locks around each read."""

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp

    def check(self) -> None:
        """Read its directory. Raises DataError."""
        _ = self._archive

    def files(self) -> Iterator[TreeFile]:
        """Every file; of two under one name the last, as unpacking would leave it."""
        last = {info.filename: info for info in self._archive.infolist() if not info.is_dir()}
        shown_once: dict[str, TreeFile] = {}
        for info in last.values():
            file = self._file(info)
            shown_once[file.path] = file
        yield from shown_once.values()

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise broken(error) from error

    def _file(self, info: zipfile.ZipInfo) -> TreeFile:
        path, is_escaped = _name(info)
        problem = _problem(info, path)
        reader = unread if problem else partial(_read, self._archive, info)
        stamp = f"{self._stamp}:{info.header_offset}:{info.CRC:08x}:{info.file_size}"
        return TreeFile(path, info.file_size, stamp, reader, problem, is_escaped)


def _name(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """The member's name. What does not say that it is UTF-8 mostly is, whatever the standard."""
    name = info.filename
    if not info.flag_bits & _UTF8_FLAG:
        name = name.encode("cp437").decode("utf-8", "surrogateescape")
    if info.create_system == _WINDOWS:
        name = name.replace("\\", "/")
    return shown(name.removeprefix("./"))


def _problem(info: zipfile.ZipInfo, path: str) -> Rejected | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    return outside(path) or packed(info.file_size, info.compress_size)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    # The header may lie: no more than `limit` is ever unpacked.
    try:
        with archive.open(info) as file:
            return file.read(limit)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise OSError(f"the archive's member cannot be unpacked: {error}") from error
