"""A table of paths and classes: every row is a photo of the tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from ray_jobs.contract.dataset import Split
from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import (
    absent,
    class_name,
    labelled,
    split_named,
    split_of,
    unlabelled,
)
from tasks.sources.layouts.rows import Row
from tasks.sources.litter import is_paper, other_kind
from tasks.sources.trees.base import TreeFile
from tasks.sources.trees.members import outside

_NO_LABEL = Rejected(Rejection.NO_LABEL, "the table does not name it")
_TWICE = Rejected(Rejection.TWO_LABELS, "the table gives it two classes")


class Table(NamedTuple):
    """A table and what it says; `split` is that of its rows where its name says one."""

    file: TreeFile
    rows: Sequence[Row]
    split: Split | None = None


class Finder:
    r"""Finds the file that a row means.

    In this order: below the table's folder, below the root, the only file whose path ends as the
    row's does, with or without its ending, whatever the case. Leading folders that the tree has not
    are left out: `C:\Users\me\1.jpg` is the only `1.jpg`.
    """

    def __init__(self, files: Iterable[TreeFile]) -> None:
        """Index nothing before it is asked."""
        self._all = files

    @cached_property
    def files(self) -> Sequence[TreeFile]:
        """Every file that a row may mean: all but papers."""
        return [file for file in self._all if not is_paper(file.path)]

    def find(self, text: str, table_path: str) -> TreeFile | Rejected:
        """The file that a row of the table at a path means, or why there is none."""
        path = text.replace("\\", "/").removeprefix("./")
        problem = outside(path)
        if problem is None:
            for exact in (f"{table_path.rpartition('/')[0]}/{path}", path):
                if exact in self._by_path:
                    return self._by_path[exact]
        alike = self._alike(path)
        if len(alike) == 1:
            return alike[0]
        many = f"{len(alike)} files are named so" if alike else "the table names it"
        return problem or Rejected(Rejection.MISSING, many)

    def _alike(self, path: str) -> list[TreeFile]:
        """The files whose paths end as most of this one does."""
        *folders, name = path.casefold().split("/")
        named = self._by_name.get(name, ())
        for start in range(len(folders) + 1):
            end = "/".join([*folders[start:], name])
            if alike := [file for file in named if _ends(file.path.casefold(), end)]:
                same = [f for f in alike if _ends(f.path, path)]
                return same or alike
            if start < len(folders) and folders[start] in self._folders:
                return []
        return []

    @cached_property
    def _by_path(self) -> dict[str, TreeFile]:
        return {file.path: file for file in self.files}

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[TreeFile]]:
        found: defaultdict[str, list[TreeFile]] = defaultdict(list)
        for file in self.files:
            name = file.path.rpartition("/")[2].casefold()
            found[name].append(file)
            if "." in name and not other_kind(name):
                found[name.rpartition(".")[0]].append(file)
        return found

    @cached_property
    def _folders(self) -> set[str]:
        folders = {file.path.rpartition("/")[0] for file in self.files}
        return {name for folder in folders for name in folder.casefold().split("/") if name}


def read_tables(finder: Finder, tables: Sequence[Table], *, is_named: bool) -> list[SourceImage]:
    """Every row's photo with its class.

    Args:
      finder: of the tree.
      tables: one, or one a split.
      is_named: whether the user named the table; what it does not name is then no part of the
        source. Else it is kept out, and told.
    """
    found: dict[str, SourceImage] = {}
    for table in tables:
        for row in table.rows:
            image = _image(finder, table, row)
            other = found.get(image.path)
            found[image.path] = image if other is None else _both(finder, other, image)
    if not is_named:
        for file in finder.files:
            found.setdefault(file.path, unlabelled(file, _NO_LABEL, split_of(file.path)))
    return sorted(found.values(), key=attrgetter("path"))


def classes_told(finder: Finder, table: Table) -> dict[str, str]:
    """Path -> class of the photos that a table names; without those to which it gives two."""
    found: dict[str, str] = {}
    for row in table.rows:
        label = class_name(row.label or "")
        file = finder.find(row.path, table.file.path) if row.path and label else None
        if isinstance(file, TreeFile) and found.setdefault(file.path, label) != label:
            found[file.path] = ""
    return {path: label for path, label in found.items() if label}


def _image(finder: Finder, table: Table, row: Row) -> SourceImage:
    if row.path is None or row.label is None or not class_name(row.label):
        where = f"{table.file.path}#{row.line}"
        return absent(where, Rejected(Rejection.LABEL_FILE, f"{row.text!r}"))
    file = finder.find(row.path, table.file.path)
    if isinstance(file, Rejected):
        return absent(row.path, file)
    said = split_named(row.split) if row.split else table.split
    return labelled(file, row.label, said or split_of(file.path))


def _both(finder: Finder, one: SourceImage, other: SourceImage) -> SourceImage:
    """One photo of two rows: of two classes it has none."""
    if one.label == other.label:
        return one
    file = finder.find(one.path, "")
    return absent(one.path, _TWICE) if isinstance(file, Rejected) else unlabelled(file, _TWICE)


def _ends(path: str, end: str) -> bool:
    whole, plain = f"/{path}", f"/{path.rpartition('.')[0]}"
    return whole.endswith(f"/{end}") or plain.endswith(f"/{end}")
