"""Which table of a tree tells its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError
from tasks.rejection import Rejected
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import some, split_named
from tasks.sources.layouts.rows import Row, rows_of
from tasks.sources.layouts.table import Finder, Table, read_tables
from tasks.sources.trees.base import TreeFile

_TRIED_ROWS = 20


def reader_of(*endings: str) -> Callable[[Sequence[TreeFile]], list[SourceImage]]:
    """Reads a tree by the one table in it that has one of the endings, or by one table a split.

    It raises DataError where there is none, or several that are no splits.
    """

    def read(files: Sequence[TreeFile]) -> list[SourceImage]:
        found = usable_tables(files, endings)
        tables = [Table(file, rows_of(file) or [], _split(file.path)) for file in found]
        splits = {table.split for table in tables} - {None}
        if not tables or len(tables) > max(1, len(splits)):
            raise DataError(
                f"the source has {len(tables)} tables that name its photos"
                + (f" ({some(table.file.path for table in tables)})" if tables else ""),
                "one with the columns path and label, or one a split, named train, val and test",
                "Pass the path of the table itself as the source",
            )
        return read_tables(files, tables, is_named=False)

    return read


def read_named(files: Sequence[TreeFile], path: str) -> list[SourceImage]:
    """The photos that the table at a path names. Raises DataError where it is no such table."""
    file = next((one for one in files if one.path == path), None)
    rows = None if file is None else rows_of(file)
    if file is None or rows is None:
        raise DataError(
            f"{path} is no table of photos",
            "columns named path and label, or two columns without names",
            "Name the columns in the first line",
        )
    return read_tables(files, [Table(file, rows)], is_named=True)


def usable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[TreeFile]:
    """The tables of which one of the first rows names a file of the tree."""
    tables = [f for f in files if f.path.lower().endswith(endings) and f.problem is None]
    if not tables:
        return []
    finder = Finder(files)
    return [table for table in tables if _is_usable(table, finder)]


def _is_usable(table: TreeFile, finder: Finder) -> bool:
    rows: list[Row] = (rows_of(table) or [])[:_TRIED_ROWS]
    paths = (row.path for row in rows if row.path and row.label)
    return any(not isinstance(finder.find(path, table.path), Rejected) for path in paths)


def _split(path: str) -> Split | None:
    return split_named(PurePosixPath(path).stem)
