"""A folder on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ray_jobs.contract.errors import SpecError
from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import Look
from tasks.sources.litter import is_litter
from tasks.sources.trees.base import TreeFile, shown

_LINK = Rejected(Rejection.LINK, "a symbolic link, which is not followed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile(TreeFile):
    """A file below `root`; `name` is its path there, as the system spells it."""

    root: str
    name: str

    def look(self) -> Look:
        """Its size, and when it was changed."""
        try:
            now = os.lstat(f"{self.root}/{self.name}")
        except OSError:  # removed since it was listed: to read it will say so
            return Look()
        return Look(now.st_size, f"{now.st_size}:{now.st_mtime_ns}:{now.st_ctime_ns}")

    def read(self, limit: int) -> bytes:
        """At most so many bytes from the start. Raises OSError."""
        # A link that took the file's place since it was listed is not followed.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(f"{self.root}/{self.name}", flags)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit)


class LocalTree:
    """A folder's files. Links are named, never followed; a link to a folder ends in `/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> Iterator[TreeFile]:
        """Every file but hidden ones. Raises SpecError where a folder cannot be listed."""
        return _below(self._root.as_posix(), "")


def _below(root: str, prefix: str) -> Iterator[TreeFile]:
    for entry in _listed(f"{root}/{prefix}"):
        if is_litter(entry.name):
            continue
        name = prefix + entry.name
        path, is_escaped = shown(name)
        if entry.is_symlink():
            yield TreeFile(path + "/" * entry.is_dir(), _LINK, is_escaped)
        elif entry.is_dir(follow_symlinks=False):
            yield from _below(root, f"{name}/")
        elif entry.is_file(follow_symlinks=False):
            yield LocalFile(path, None, is_escaped, root=root, name=name)


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
