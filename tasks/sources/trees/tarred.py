"""The files of a tar archive, plain or packed: indexed once, read by their offsets."""

from __future__ import annotations

import os
import tarfile
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import Look
from tasks.sources.trees.base import TreeFile, shown
from tasks.sources.trees.members import LINK, outside
from tasks.sources.trees.unpacking import broken, is_packed, opened, unpack

_SPARSE = Rejected(Rejection.UNREADABLE, "a sparse file of an archive")
_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member(TreeFile):
    """A file of an archive whose stamp is `archive_stamp`."""

    plain: _Plain
    archive_stamp: str
    offset: int
    size_bytes: int

    def look(self) -> Look:
        return Look(self.size_bytes, f"{self.archive_stamp}:{self.offset}:{self.size_bytes}")

    def read(self, limit: int) -> bytes:
        return self.plain.read(self.offset, self.size_bytes, limit)


class TarTree:
    """A tar archive. A packed one is unpacked, as one stream, into a file without a name."""

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp

    def check(self) -> None:
        """Read its first header. Raises DataError."""
        try:
            with opened(self._path) as stream:
                first = stream.read(_BLOCK_BYTES)
        except (OSError, EOFError) as error:
            raise broken(error) from error
        if not is_tar_header(first):
            raise broken(ValueError("no tar archive is in it"))

    def files(self) -> Iterator[TreeFile]:
        """Every file; of two under one name the last, as unpacking would leave it."""
        last: dict[str, TreeFile] = {}
        for info in self._members():
            file = self._file(info)
            if file is not None:
                last[file.path] = file
        yield from last.values()

    def _members(self) -> Iterator[tarfile.TarInfo]:
        try:
            with (
                self._plain.stream() as stream,
                tarfile.open(fileobj=stream, mode="r:", errors="surrogateescape") as archive,
            ):
                while (info := archive.next()) is not None:
                    yield info
                    # It would keep a kilobyte a member; the stubs do not know the list.
                    cast("Any", archive).members.clear()
                _refuse_cut_off(stream, archive)
        except (tarfile.TarError, EOFError) as error:
            raise broken(error) from error

    def _file(self, info: tarfile.TarInfo) -> TreeFile | None:
        path, is_escaped = shown(info.name.removeprefix("./"))
        problem = LINK if info.issym() or info.islnk() else outside(path)
        if problem is None and not info.isreg():
            return None
        if problem is None and info.issparse():
            problem = _SPARSE
        if problem is not None:
            return TreeFile(path, problem, is_escaped)
        return _Member(
            path,
            None,
            is_escaped,
            plain=self._plain,
            archive_stamp=self._stamp,
            offset=info.offset_data,
            size_bytes=info.size,
        )

    @cached_property
    def _plain(self) -> _Plain:
        if not is_packed(self._path):
            return _Plain(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        with tempfile.TemporaryFile() as file:
            unpack(self._path, file)
            return _Plain(os.dup(file.fileno()))


def _refuse_cut_off(stream: BinaryIO, archive: tarfile.TarFile) -> None:
    # `tarfile` takes the end of the file for the end of the archive, even within a header.
    stream.seek(cast("Any", archive).offset)
    if stream.read(_BLOCK_BYTES) != bytes(_BLOCK_BYTES):
        raise EOFError("it has no end mark")


class _Plain:
    """An open file, read at offsets from any thread; closed once nobody reads it any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    def read(self, offset: int, size: int, limit: int) -> bytes:
        """A member's bytes, at most `limit` of them. Raises OSError."""
        wanted = min(size, limit)
        data = os.pread(self._descriptor, wanted, offset)
        if len(data) < wanted:
            raise OSError("the archive ends in the middle of it")
        return data

    def stream(self) -> BinaryIO:
        """The whole file from its start."""
        stream = os.fdopen(os.dup(self._descriptor), "rb")
        stream.seek(0)
        return stream


def is_tar_header(block: bytes) -> bool:
    """Whether the first block of a file is a tar archive's."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
