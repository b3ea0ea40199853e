"""Which layout a tree has, and its images by it. A tree that mixes two is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ray_jobs.contract.errors import DataError
from tasks.sources.base import SourceImage
from tasks.sources.layouts import huawei
from tasks.sources.layouts.base import some, split_of
from tasks.sources.layouts.folders import Folders, read_folder, read_split
from tasks.sources.layouts.kinds import TABLES, Layout, table_layout
from tasks.sources.layouts.tables import read_named, reader_of, usable_tables
from tasks.sources.trees.base import TreeFile


class Read(NamedTuple):
    """A tree's images and the layout by which they were read."""

    layout: Layout
    images: list[SourceImage]


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
        return Read(table_layout(table) or Layout.CSV, read_named(files, table))
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
                f"split folders ({some(folders.splits)})",
                f"other folders with photos ({some(folders.classes)})",
            )
        return Layout.SPLIT
    if len(folders.classes) > 1:
        return Layout.FOLDER
    kinds = {table_layout(table.path) for table in usable_tables(files, tuple(TABLES))}
    if len(kinds) > 1:
        raise _mixed("tables in CSV", "tables in JSONL")
    return kinds.pop() or Layout.FOLDER if kinds else Layout.FOLDER


def _refuse_huawei_with_classes(folders: Folders, photos: Sequence[TreeFile]) -> None:
    homes = {_folder(photo.path) for photo in photos}
    others = {_folder(f.path) for f in folders.photos} - homes
    strange = sorted(folder for folder in others if folder and not split_of(f"{folder}/"))
    if strange:
        told = f"{len(photos):,} photos with a label file in Huawei's format"
        raise _mixed(told, f"folders with photos that have none ({some(strange)})")


def _read_folder(files: Sequence[TreeFile]) -> list[SourceImage]:
    return read_folder(Folders(files))


def _read_split(files: Sequence[TreeFile]) -> list[SourceImage]:
    folders = Folders(files)
    if not folders.has_split_classes:
        raise DataError(
            f"the source has no pre-split tree: its folders are {some(folders.top) or 'none'}",
            "folders named train, val and test (two of them at least), with class folders in each",
            "Rename them, or leave the format at auto",
        )
    return read_split(folders)


_READERS: dict[Layout, Callable[[Sequence[TreeFile]], list[SourceImage]]] = {
    Layout.FOLDER: _read_folder,
    Layout.SPLIT: _read_split,
    Layout.CSV: reader_of(".csv", ".tsv"),
    Layout.JSONL: reader_of(".jsonl"),
    Layout.HUAWEI: huawei.read_huawei,
}


def _mixed(one: str, other: str) -> DataError:
    return DataError(
        f"the source mixes two formats: {one}, and {other}",
        "one way to tell the classes",
        "Ingest a part of it, or say with --format by which to read it",
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
