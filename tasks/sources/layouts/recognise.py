"""Which layout a tree has, and its images by it. A tree that mixes two is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from tasks.sources.base import Images
from tasks.sources.layouts import huawei
from tasks.sources.layouts.base import some, split_named, split_of
from tasks.sources.layouts.by_folder import read_containers, read_folder, read_split
from tasks.sources.layouts.containers import are_classes
from tasks.sources.layouts.contradiction import contradiction
from tasks.sources.layouts.folders import Folders
from tasks.sources.layouts.kinds import TABLES, Layout, table_layout
from tasks.sources.layouts.mixed import mixed, two_ways
from tasks.sources.layouts.table import Finder, Table
from tasks.sources.layouts.tables import read_named, reader_of, usable_tables
from tasks.sources.layouts.unclassed import unclassed
from tasks.sources.litter import other_kind
from tasks.sources.trees.base import TreeFile

log = logging.getLogger(__name__)

Reader = Callable[[Folders], Images]


class Choice(NamedTuple):
    """A layout, and what reads a tree by it."""

    layout: Layout
    read: Reader


class Read(NamedTuple):
    """A tree's images, sorted by path, and the layout by which they were read."""

    layout: Layout
    images: Images


def read_tree(
    files: Sequence[TreeFile], layout: Layout | None = None, table: str | None = None
) -> Read:
    """The images of a tree.

    Args:
      files: without litter, sorted by path.
      layout: how the classes are told; None looks and decides.
      table: path of the table that the user named, if he did.

    Raises:
      DataError: it has not this layout, or none, or more than one; or a table or a rule file
        cannot be read.
    """
    if table is not None:
        return Read(table_layout(table) or Layout.CSV, read_named(files, table))
    folders = Folders(files)
    chosen = _recognised(folders) if layout is None else Choice(layout, _READERS[layout])
    return Read(chosen.layout, chosen.read(folders))


def _recognised(folders: Folders) -> Choice:
    photos = huawei.paired(folders.files)
    if photos:
        _refuse_huawei_with_classes(folders, photos)
        return Choice(Layout.HUAWEI, _read_huawei)
    by_folders = _by_folders(folders)
    finder = Finder(folders.files)
    tables = usable_tables(folders.files, tuple(TABLES), finder)
    if by_folders is not None and (len(folders.top) > 1 or not tables):
        if tables:
            _refuse_contradicted(finder, tables, by_folders.read(folders))
        return by_folders
    if tables:
        return _by_table(folders, tables)
    _refuse_beside_splits(folders)
    return Choice(Layout.FOLDER, _read_nothing)


def _by_folders(folders: Folders) -> Choice | None:
    """How the folders tell the classes; None where they are named like no classes."""
    if folders.splits and (folders.has_split_classes or len(folders.classes) > 1):
        _refuse_beside_splits(folders)
        return Choice(Layout.SPLIT, read_split)
    if folders.shared:
        found = some(folders.shared), some(sorted(folders.top))
        log.warning("the classes (%s) are told by the folders in each of %s", *found)
        return Choice(Layout.FOLDER, read_containers)
    is_split = len(folders.top) == 1 and any(map(split_named, folders.top))
    if folders.splits or is_split or not are_classes(folders.classes):
        return None
    if folders.common:
        found = some(folders.top), some(folders.common)
        log.warning("the classes are %s, though each of them holds the folders %s", *found)
    return Choice(Layout.FOLDER, _read_folder)


def _refuse_beside_splits(folders: Folders) -> None:
    if folders.splits and folders.classes:
        raise mixed(
            f"split folders ({some(folders.splits)})",
            f"other folders with photos ({some(folders.classes)})",
        )


def _by_table(folders: Folders, tables: Sequence[Table]) -> Choice:
    if len(folders.top) > 1 and not folders.splits:
        raise two_ways(f"folders ({some(folders.classes)})", tables[0].file)
    kinds = {table_layout(table.file.path) or Layout.CSV for table in tables}
    if len(kinds) > 1:
        raise mixed("tables in CSV", "tables in JSONL")
    (kind,) = kinds
    return Choice(kind, _READERS[kind])


def _refuse_contradicted(finder: Finder, tables: Sequence[Table], images: Images) -> None:
    other = contradiction(finder, tables, images)
    if other is not None:
        told = f"class folders ({other.path} is of '{other.label}')"
        raise two_ways(told, other.table, other.said)


def _refuse_huawei_with_classes(folders: Folders, photos: Sequence[TreeFile]) -> None:
    homes = {_folder(photo.path) for photo in photos}
    others = {_folder(f.path) for f in folders.photos} - homes
    strange = sorted(folder for folder in others if folder and not split_of(f"{folder}/"))
    if strange:
        told = f"{len(photos):,} photos with a label file in Huawei's format"
        raise mixed(told, f"folders with photos that have none ({some(strange)})")


def _read_folder(folders: Folders) -> Images:
    return read_folder(folders) if folders.top else _read_nothing(folders)


def _read_nothing(folders: Folders) -> Images:
    """No image where there is none; photos and archives without classes are refused."""
    if any(other_kind(file.path) in {None, "an archive"} for file in folders.photos):
        raise unclassed(folders)
    return []


def _read_split(folders: Folders) -> Images:
    if not folders.split_classes:
        raise DataError(
            f"the source has no pre-split tree: its folders are {some(folders.top) or 'none'}",
            "folders named train, val and test (two of them at least), with class folders in each",
            "Rename them, or leave the format at auto",
        )
    return read_split(folders)


def _read_huawei(folders: Folders) -> Images:
    return huawei.read_huawei(folders.files)


_READERS: dict[Layout, Reader] = {
    Layout.FOLDER: _read_folder,
    Layout.SPLIT: _read_split,
    Layout.CSV: reader_of(".csv", ".tsv"),
    Layout.JSONL: reader_of(".jsonl"),
    Layout.HUAWEI: _read_huawei,
}


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
