"""Which layout a tree has, and its images by it. A tree that mixes two is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from tasks.rejection import Rejected
from tasks.sources.base import SourceImage
from tasks.sources.layouts import huawei
from tasks.sources.layouts.base import split_of
from tasks.sources.layouts.folders import Folders, read_folder, read_split
from tasks.sources.layouts.rows import Row, rows_of
from tasks.sources.layouts.table import Finder, read_table
from tasks.sources.trees.base import TreeFile

_TRIED_ROWS = 20


class Layout(StrEnum):
    """How the classes are told."""

    FOLDER = "folder"
    SPLIT = "split"
    CSV = "csv"
    JSONL = "jsonl"
    HUAWEI = "huawei"


TABLES = {".csv": Layout.CSV, ".tsv": Layout.CSV, ".jsonl": Layout.JSONL}


class Read(NamedTuple):
    """A tree's images and the layout by which they were read."""

    layout: Layout
    images: list[SourceImage]


def table_layout(path: str) -> Layout | None:
    """The layout that a file's name makes it, or None where it is no table.

    >>> table_layout("photos/Labels.CSV")
    <Layout.CSV: 'csv'>
    """
    return next((kind for end, kind in TABLES.items() if path.lower().endswith(end)), None)


def read_tree(
    files: Sequence[TreeFile], layout: Layout | None = None, table: str | None = None
) -> Read:
    """The images of a tree.

    Args:
      files: without litter.
      layout: how the classes are told; None looks and decides.
      table: path of the table that the user named, if he did.

    Raises:
      DataError: it has not this layout, or none, or more than one; or a table or a rule file
        cannot be read.
    """
    if table is not None:
        return _read_named(files, table)
    layout = layout or _recognised(files)
    return Read(layout, _READERS[layout](files))


def _recognised(files: Sequence[TreeFile]) -> Layout:
    folders = Folders(files)
    photos = huawei.paired(files)
    if photos:
        _refuse_huawei_with_classes(folders, photos)
        return Layout.HUAWEI
    if folders.has_split_classes:
        if folders.classes:
            raise _mixed(
                f"split folders ({_some(folders.splits)})",
                f"other folders with photos ({_some(folders.classes)})",
            )
        return Layout.SPLIT
    if len(folders.classes) > 1:
        return Layout.FOLDER
    tables = _usable_tables(files, tuple(TABLES))
    if tables:
        return TABLES["." + tables[0].path.lower().rpartition(".")[2]]
    return Layout.FOLDER


def _refuse_huawei_with_classes(folders: Folders, photos: Sequence[TreeFile]) -> None:
    homes = {_folder(photo.path) for photo in photos}
    others = {_folder(f.path) for f in folders.photos} - homes
    strange = sorted(folder for folder in others if folder and not split_of(f"{folder}/"))
    if strange:
        told = f"{len(photos):,} photos with a label file in Huawei's format"
        raise _mixed(told, f"folders with photos that have none ({_some(strange)})")


def _read_folder(files: Sequence[TreeFile]) -> list[SourceImage]:
    return read_folder(Folders(files))


def _read_split(files: Sequence[TreeFile]) -> list[SourceImage]:
    folders = Folders(files)
    if not folders.has_split_classes:
        raise DataError(
            f"the source has no pre-split tree: its folders are {_some(folders.top) or 'none'}",
            "folders named train, val and test (two of them at least), with class folders in each",
            "Rename them, or leave the format at auto",
        )
    return read_split(folders)


def _reader_of(*endings: str) -> Callable[[Sequence[TreeFile]], list[SourceImage]]:
    def read(files: Sequence[TreeFile]) -> list[SourceImage]:
        tables = _usable_tables(files, endings)
        if len(tables) != 1:
            raise DataError(
                f"the source has {len(tables)} tables that name its photos"
                + (f" ({_some([one.path for one in tables])})" if tables else ""),
                "one, with the columns path and label",
                "Pass the path of the table itself as the source",
            )
        return read_table(files, tables[0], rows_of(tables[0]) or [], is_named=False)

    return read


_READERS: dict[Layout, Callable[[Sequence[TreeFile]], list[SourceImage]]] = {
    Layout.FOLDER: _read_folder,
    Layout.SPLIT: _read_split,
    Layout.CSV: _reader_of(".csv", ".tsv"),
    Layout.JSONL: _reader_of(".jsonl"),
    Layout.HUAWEI: huawei.read_huawei,
}


def _read_named(files: Sequence[TreeFile], table: str) -> Read:
    layout = table_layout(table) or Layout.CSV
    file = next((one for one in files if one.path == table), None)
    rows = None if file is None else rows_of(file)
    if file is None or rows is None:
        raise DataError(
            f"{table} is no table of photos",
            "columns named path and label, or two columns without names",
            "Name the columns in the first line",
        )
    return Read(layout, read_table(files, file, rows, is_named=True))


def _usable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[TreeFile]:
    """The tables of which one of the first rows names a file of the tree."""
    return [f for f in files if f.path.lower().endswith(endings) and _is_usable(f, files)]


def _is_usable(table: TreeFile, files: Sequence[TreeFile]) -> bool:
    if table.problem is not None:
        return False
    rows: list[Row] = (rows_of(table) or [])[:_TRIED_ROWS]
    finder = Finder(files, table.path)
    paths = (row.path for row in rows if row.path and row.label)
    return any(not isinstance(finder.find(path), Rejected) for path in paths)


def _mixed(one: str, other: str) -> DataError:
    return DataError(
        f"the source mixes two formats: {one}, and {other}",
        "one way to tell the classes",
        "Ingest a part of it, or say with --format by which to read it",
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (", ..." if listed[4:] else "")
