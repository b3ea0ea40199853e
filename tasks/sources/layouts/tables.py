"""Which table of a tree tells its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError
from tasks.rejection import Rejected
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import some, split_named, split_of
from tasks.sources.layouts.rows import Row, has_names, header_of, rows_of
from tasks.sources.layouts.table import Finder, Table, read_tables
from tasks.sources.litter import has_picture_ending
from tasks.sources.trees.base import TreeFile


def reader_of(*endings: str) -> Callable[[Sequence[TreeFile]], list[SourceImage]]:
    """Reads a tree by the one table in it that has one of the endings, or by one table a split.

    It raises DataError where there is none, or several that are no splits.
    """

    def read(files: Sequence[TreeFile]) -> list[SourceImage]:
        found = usable_tables(files, endings)
        finder = Finder(files)
        tables = [Table(file, named_rows(file, finder), _split(file.path)) for file in found]
        splits = {table.split for table in tables} - {None}
        if not tables or len(tables) > max(1, len(splits)):
            shown = [one.file.path for one in tables] or unusable_tables(files, endings)
            raise DataError(
                f"the source has {len(tables)} tables that name its photos"
                + (f" ({some(shown)})" if shown else ""),
                "one with the columns path and label, or one a split, named train, val and test",
                "Pass the path of the table itself as the source",
            )
        return read_tables(files, tables, is_named=False)

    return read


def read_named(files: Sequence[TreeFile], path: str) -> list[SourceImage]:
    """The photos that the table at a path names. Raises DataError where it is no such table."""
    file = next((one for one in files if one.path == path), None)
    if file is None or rows_of(file) is None:
        columns = f": its columns are {header_of(file) or 'none'}" if file else ""
        raise DataError(
            f"{path} is no table of photos{columns}",
            "columns named path and label, or two columns without names",
            "Name the columns in the first line",
        )
    finder = Finder(files)
    rows = named_rows(file, finder)
    if finder.files and (fault := _fault(file, finder)):
        raise DataError(
            f"{fault}; a file is named '{finder.files[0].path}'",
            "rows that name photos beside the table or below it, each with a class",
            "Correct the paths, or pass the folder that holds both",
        )
    return read_tables(files, [Table(file, rows)], is_named=True)


def usable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[TreeFile]:
    """The tables of which some rows name a file of the tree."""
    tables = _tables(files, endings)
    if not tables:
        return []
    finder = Finder(files)
    return [table for table in tables if not _fault(table, finder)]


def unusable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[str]:
    """Of each other table, what is wrong with it."""
    finder = Finder(files)
    return [fault for one in _tables(files, endings) if (fault := _fault(one, finder))]


def _tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[TreeFile]:
    return [f for f in files if f.path.lower().endswith(endings) and f.problem is None]


def named_rows(table: TreeFile, finder: Finder) -> list[Row]:
    """The rows of a table; a first one is left out that only heads the others by unknown names."""
    rows = rows_of(table) or []
    if len(rows) < 2 or has_names(table):
        return rows
    first, *others = (row.path or "" for row in rows)
    if has_picture_ending(first) or _is_file(first, table, finder):
        return rows
    return rows[1:] if any(_is_file(path, table, finder) for path in others) else rows


def _fault(table: TreeFile, finder: Finder) -> str | None:
    """What is wrong with a table, or None where its rows name photos of the tree."""
    try:
        rows = rows_of(table)
    except DataError as error:
        return error.fact
    if rows is None:
        return f"{table.path} has no columns that are known ({header_of(table)})"
    named = [row.path for row in rows if row.path and row.label]
    if any(_is_file(path, table, finder) for path in named):
        return None
    told = f"names '{named[-1]}', which is no file" if named else "has no row with both"
    return f"{table.path} ({header_of(table)}) {told}"


def _is_file(path: str, table: TreeFile, finder: Finder) -> bool:
    return not isinstance(finder.find(path, table.path), Rejected)


def _split(path: str) -> Split | None:
    return split_named(PurePosixPath(path).stem) or split_of(path)
