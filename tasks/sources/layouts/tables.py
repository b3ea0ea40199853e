"""Which table of a tree tells its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ray_jobs.contract.errors import DataError
from tasks.rejection import Rejected
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import some
from tasks.sources.layouts.rows import Row, rows_of
from tasks.sources.layouts.table import Finder, read_table
from tasks.sources.trees.base import TreeFile

_TRIED_ROWS = 20


def reader_of(*endings: str) -> Callable[[Sequence[TreeFile]], list[SourceImage]]:
    """Reads a tree by the one table in it that has one of the endings.

    It raises DataError where there is none, or several.
    """

    def read(files: Sequence[TreeFile]) -> list[SourceImage]:
        tables = usable_tables(files, endings)
        if len(tables) != 1:
            raise DataError(
                f"the source has {len(tables)} tables that name its photos"
                + (f" ({some([one.path for one in tables])})" if tables else ""),
                "one, with the columns path and label",
                "Pass the path of the table itself as the source",
            )
        return read_table(files, tables[0], rows_of(tables[0]) or [], is_named=False)

    return read


def read_named(files: Sequence[TreeFile], table: str) -> list[SourceImage]:
    """The photos that the table at a path names. Raises DataError where it is no such table."""
    file = next((one for one in files if one.path == table), None)
    rows = None if file is None else rows_of(file)
    if file is None or rows is None:
        raise DataError(
            f"{table} is no table of photos",
            "columns named path and label, or two columns without names",
            "Name the columns in the first line",
        )
    return read_table(files, file, rows, is_named=True)


def usable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[TreeFile]:
    """The tables of which one of the first rows names a file of the tree."""
    return [f for f in files if f.path.lower().endswith(endings) and _is_usable(f, files)]


def _is_usable(table: TreeFile, files: Sequence[TreeFile]) -> bool:
    if table.problem is not None:
        return False
    rows: list[Row] = (rows_of(table) or [])[:_TRIED_ROWS]
    finder = Finder(files, table.path)
    paths = (row.path for row in rows if row.path and row.label)
    return any(not isinstance(finder.find(path), Rejected) for path in paths)
