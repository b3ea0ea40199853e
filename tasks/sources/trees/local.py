"""A folder on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ray_jobs.contract.errors import SpecError
from tasks.rejection import Rejected, Rejection
from tasks.sources.litter import is_litter
from tasks.sources.trees.base import TreeFile, shown, unread

_LINK = Rejected(Rejection.LINK, "a symbolic link, which is not followed")


class LocalTree:
    """A folder's files. Links are named, never followed; a link to a folder ends in `/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> Iterator[TreeFile]:
        """Every file but hidden ones. Raises SpecError where a folder cannot be listed."""
        return _below(self._root.as_posix(), "")


def _below(folder: str, prefix: str) -> Iterator[TreeFile]:
    for entry in _listed(folder):
        if is_litter(entry.name):
            continue
        path, is_escaped = shown(prefix + entry.name)
        if entry.is_symlink():
            yield TreeFile(path + "/" * entry.is_dir(), 0, "", unread, _LINK, is_escaped)
        elif entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            size_bytes, stamp = _size_and_stamp(entry)
            yield TreeFile(
                path, size_bytes, stamp, partial(_read, entry.path), is_escaped=is_escaped
            )


def _size_and_stamp(entry: os.DirEntry[str]) -> tuple[int, str]:
    try:
        now = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # removed since it was listed: to read it will say so
        return 0, ""
    return now.st_size, f"{now.st_size}:{now.st_mtime_ns}:{now.st_ctime_ns}"


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise SpecError(
            f"'{folder}' cannot be listed: {error.strerror}",
            "a folder that this process may read",
            "Correct the path, or the folder's permissions",
        ) from error


def _read(path: str, limit: int) -> bytes:
    # A link that took the file's place since it was listed is not followed.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)
