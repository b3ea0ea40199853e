"""A folder of classes: its direct sub-folders are the classes, the files below them the images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ray_jobs.contract.dataset import SourceRef
from ray_jobs.contract.errors import DataError, SpecError
from tasks.images import MAX_FILE_BYTES
from tasks.names import slug
from tasks.sources.base import SourceImage

_LABEL_FILES = {".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt"}
_RULE_FILES = {".md", ".rst", ".yaml", ".yml", ".toml"}
_PAPERS = {"license", "licence", "copying", "notice", "readme", "authors", "changelog"}
_LITTER = {"thumbs.db", "desktop.ini", "icon\r", "__macosx"}


class FolderSource:
    """A folder on this machine.

    Ignored, and not counted: files beside the class folders, hidden files and folders, what file
    managers leave behind, label and rule files, licences. Symbolic links are not followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def describe(self) -> SourceRef:
        """The folder's absolute path."""
        return SourceRef(uri=self._root.as_posix(), format="folder")

    def dataset_name(self) -> str:
        """The folder's own name, made plain."""
        name = slug(self._root.name)
        if name:
            return name
        raise SpecError(
            f"no data set name can be made of the folder '{self._root.name}'",
            "a folder whose name holds a letter of a-z or a digit, or a name that is given",
            "Name the data set with --name",
        )

    def images(self) -> Iterator[SourceImage]:
        """Every image file, sorted by path.

        Raises:
          SpecError: a folder cannot be listed.
          DataError: a path is not UTF-8.
        """
        found = (path for path in self._classes() for path in _files_below(path))
        for name in sorted(_relative(path, self._root) for path in found):
            label = name.partition("/")[0]
            yield SourceImage(name, label, partial(_read, self._root / name))

    def _classes(self) -> Iterator[Path]:
        for entry in _listed(self._root):
            if entry.is_dir(follow_symlinks=False) and not _is_litter(entry.name):
                yield Path(entry.path)


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in _listed(folder):
        if _is_litter(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not _is_paper(entry.name):
            yield Path(entry.path)


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise SpecError(
            f"'{folder}' cannot be listed: {error.strerror}",
            "a folder that this process may read",
            "Correct the path, or the folder's permissions",
        ) from error


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _is_paper(name: str) -> bool:
    path = Path(name.lower())
    return path.suffix in _LABEL_FILES | _RULE_FILES or path.stem in _PAPERS


def _relative(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the path {name!r} is not UTF-8",
            "paths in UTF-8, so that every part can write them down",
            "Rename the file or folder",
        ) from error
    return name


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)
