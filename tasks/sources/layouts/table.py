"""A table of paths and classes: every row is a photo of the tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tasks.rejection import Rejected, Rejection
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
from tasks.sources.litter import is_paper
from tasks.sources.trees.base import TreeFile
from tasks.sources.trees.members import outside

_NO_LABEL = Rejected(Rejection.NO_LABEL, "the table does not name it")
_TWICE = Rejected(Rejection.TWO_LABELS, "the table gives it two classes")


class Finder:
    """Finds the file that a row means.

    In this order: below the table's folder, below the root, the only file whose path ends so, and
    the only one that is named so but for its ending.
    """

    def __init__(self, files: Sequence[TreeFile], table_path: str) -> None:
        self._folder = table_path.rpartition("/")[0]
        self._by_path = {file.path: file for file in files if not is_paper(file.path)}
        self._by_name: defaultdict[str, list[TreeFile]] = defaultdict(list)
        for path, file in self._by_path.items():
            name = path.rpartition("/")[2]
            self._by_name[name].append(file)
            if "." in name:
                self._by_name[name.rpartition(".")[0]].append(file)

    @property
    def files(self) -> Sequence[TreeFile]:
        """Every file that a row may mean."""
        return list(self._by_path.values())

    def find(self, text: str) -> TreeFile | Rejected:
        """The file, or why there is none."""
        path = text.replace("\\", "/").removeprefix("./")
        if (problem := outside(path)) is not None:
            return problem
        for exact in (f"{self._folder}/{path}", path):
            if exact in self._by_path:
                return self._by_path[exact]
        alike = [f for f in self._by_name.get(path.rpartition("/")[2], ()) if _ends(f.path, path)]
        if len(alike) == 1:
            return alike[0]
        many = f"{len(alike)} files are named so" if alike else "the table names it"
        return Rejected(Rejection.MISSING, many)


def read_table(
    files: Sequence[TreeFile], table: TreeFile, rows: Sequence[Row], *, is_named: bool
) -> list[SourceImage]:
    """Every row's photo with its class.

    Args:
      files: of the tree.
      table: the file with the rows.
      rows: what it says.
      is_named: whether the user named this table; what it does not name is then no part of the
        source. Else it is kept out, and told.
    """
    finder = Finder(files, table.path)
    found: dict[str, SourceImage] = {}
    for row in rows:
        image = _image(finder, table.path, row)
        other = found.get(image.path)
        found[image.path] = image if other is None else _both(finder, other, image)
    if not is_named:
        for file in finder.files:
            found.setdefault(file.path, unlabelled(file, _NO_LABEL, split_of(file.path)))
    return list(found.values())


def _image(finder: Finder, table: str, row: Row) -> SourceImage:
    if row.path is None or row.label is None or not class_name(row.label):
        return absent(f"{table}#{row.line}", Rejected(Rejection.LABEL_FILE, f"{row.text!r}"))
    file = finder.find(row.path)
    if isinstance(file, Rejected):
        return absent(row.path, file)
    split = split_named(row.split) if row.split else split_of(file.path)
    return labelled(file, row.label, split)


def _both(finder: Finder, one: SourceImage, other: SourceImage) -> SourceImage:
    """One photo of two rows: of two classes it has none."""
    if one.label == other.label:
        return one
    file = finder.find(one.path)
    return absent(one.path, _TWICE) if isinstance(file, Rejected) else unlabelled(file, _TWICE)


def _ends(path: str, end: str) -> bool:
    whole, plain = f"/{path}", f"/{path.rpartition('.')[0]}"
    return whole.endswith(f"/{end}") or plain.endswith(f"/{end}")
