"""The files of a ZIP archive, read in place."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ray_jobs.contract.errors import DataError
from tasks.photos.rejection import Rejected
from tasks.sources.base import Look
from tasks.sources.trees.base import TreeFile, shown
from tasks.sources.trees.members import LINK, outside, packed
from tasks.sources.trees.unpacking import broken

_ENCRYPTED = 0x1
_UTF8_FLAG = 0x800
_WINDOWS = 0
# What zipfile raises on a damaged archive; NotImplementedError is its word for a compression or a
# version that it does not know.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member(TreeFile):
    """A file of an archive whose stamp is `archive_stamp`."""

    archive: zipfile.ZipFile
    archive_stamp: str
    info: zipfile.ZipInfo

    def look(self) -> Look:
        info = self.info
        stamp = f"{self.archive_stamp}:{info.header_offset}:{info.CRC:08x}:{info.file_size}"
        return Look(info.file_size, stamp)

    def read(self, limit: int) -> bytes:
        # The header may lie: no more than `limit` is ever unpacked.
        try:
            with self.archive.open(self.info) as file:
                return file.read(limit)
        except _BROKEN as error:
            raise OSError(f"the archive's member cannot be unpacked: {error}") from error


class ZipTree:
    """A ZIP archive. One handle serves all threads: `zipfile` locks around each read."""

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp

    def check(self) -> None:
        """Read its directory. Raises DataError."""
        _ = self._archive

    def files(self) -> Iterator[TreeFile]:
        """Every file; of two under one name the last, as unpacking would leave it.

        Raises:
          DataError: it is broken or encrypted.
        """
        last = {info.filename: info for info in self._archive.infolist() if not info.is_dir()}
        shown_once: dict[str, TreeFile] = {}
        for info in last.values():
            file = self._file(info)
            shown_once[file.path] = file
        yield from shown_once.values()

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            archive = zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise broken(error) from error
        _refuse_encrypted(archive)
        return archive

    @cached_property
    def _has_backslashes(self) -> bool:
        """Whether its names are parted by backslashes, as some programs write them."""
        return not any("/" in info.filename for info in self._archive.infolist())

    def _file(self, info: zipfile.ZipInfo) -> TreeFile:
        path, is_escaped = _name(info, has_backslashes=self._has_backslashes)
        problem = _problem(info, path)
        if problem is not None:
            return TreeFile(path, problem, is_escaped)
        return _Member(
            path, None, is_escaped, archive=self._archive, archive_stamp=self._stamp, info=info
        )


def _refuse_encrypted(archive: zipfile.ZipFile) -> None:
    """Refuse an archive of which most is encrypted; less of it is so many files that are not."""
    files = [info for info in archive.infolist() if not info.is_dir()]
    encrypted = [info for info in files if info.flag_bits & _ENCRYPTED]
    if 2 * len(encrypted) > len(files):
        raise DataError(
            f"the archive is encrypted ({encrypted[0].filename})",
            "a ZIP archive that opens without a password",
            "Pack it anew without a password",
        )


def _name(info: zipfile.ZipInfo, *, has_backslashes: bool) -> tuple[str, bool]:
    """The member's name. What does not say that it is UTF-8 mostly is, whatever the standard."""
    name = info.filename
    if not info.flag_bits & _UTF8_FLAG:
        name = name.encode("cp437").decode("utf-8", "surrogateescape")
    if has_backslashes or info.create_system == _WINDOWS:
        name = name.replace("\\", "/")
    return shown(name.removeprefix("./"))


def _problem(info: zipfile.ZipInfo, path: str) -> Rejected | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINK
    return outside(path) or packed(info.file_size, info.compress_size)
