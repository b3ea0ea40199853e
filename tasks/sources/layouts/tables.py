"""Which table of a tree tells its classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import DataError
from tasks.photos.rejection import Rejected
from tasks.sources.base import Images
from tasks.sources.layouts.base import some, split_named, split_of
from tasks.sources.layouts.folders import Folders
from tasks.sources.layouts.rows import Row, has_names, header_of, rows_of
from tasks.sources.layouts.table import Finder, Table, read_tables
from tasks.sources.litter import has_picture_ending
from tasks.sources.trees.base import TreeFile


def reader_of(*endings: str) -> Callable[[Folders], Images]:
    """Reads a tree by the one table in it that has one of the endings, or by one table a split.

    It raises DataError where there is none, or several that are no splits.
    """

    def read(folders: Folders) -> Images:
        finder = Finder(folders.files)
        tables = usable_tables(folders.files, endings, finder)
        splits = {table.split for table in tables} - {None}
        if not tables or len(tables) > max(1, len(splits)):
            shown = [one.file.path for one in tables] or unusable_tables(folders.files, endings)
            raise DataError(
                f"the source has {len(tables)} tables that name its photos"
                + (f" ({some(shown)})" if shown else ""),
                "one with the columns path and label, or one a split, named train, val and test",
                "Pass the path of the table itself as the source",
            )
        return read_tables(finder, tables, is_named=False)

    return read


def read_named(files: Sequence[TreeFile], path: str) -> Images:
    """The photos that the table at a path names. Raises DataError where it is no such table."""
    file = next((one for one in files if one.path == path), None)
    rows = None if file is None else rows_of(file)
    if file is None or rows is None:
        columns = f": its columns are {header_of(file) or 'none'}" if file else ""
        raise DataError(
            f"{path} is no table of photos{columns}",
            "columns named path and label, or two columns without names",
            "Name the columns in the first line",
        )
    finder = Finder(files)
    if finder.files and (fault := _fault(file, rows, finder)):
        raise DataError(
            f"{fault}; a file is named '{finder.files[0].path}'",
            "rows that name photos beside the table or below it, each with a class",
            "Correct the paths, or pass the folder that holds both",
        )
    return read_tables(finder, [Table(file, _without_head(file, rows, finder))], is_named=True)


def usable_tables(
    files: Iterable[TreeFile], endings: tuple[str, ...], finder: Finder
) -> list[Table]:
    """The tables of which some rows name a file of the tree."""
    judged = _judged(files, endings, finder)
    return [one for one in judged if isinstance(one, Table)]


def unusable_tables(files: Sequence[TreeFile], endings: tuple[str, ...]) -> list[str]:
    """Of each other table, what is wrong with it."""
    judged = _judged(files, endings, Finder(files))
    return [one for one in judged if isinstance(one, str)]


def _judged(
    files: Iterable[TreeFile], endings: tuple[str, ...], finder: Finder
) -> Iterator[Table | str]:
    """Each table, or what is wrong with it."""
    for file in files:
        if file.path.lower().endswith(endings) and file.problem is None:
            try:
                rows = rows_of(file)
            except DataError as error:
                yield error.fact
                continue
            if rows is None:
                yield f"{file.path} has no columns that are known ({header_of(file)})"
            else:
                yield _fault(file, rows, finder) or Table(
                    file, _without_head(file, rows, finder), _split(file.path)
                )


def _without_head(file: TreeFile, rows: list[Row], finder: Finder) -> list[Row]:
    """The rows of a table; a first one is left out that only heads the others by unknown names."""
    if len(rows) < 2 or has_names(file):
        return rows
    first, *others = (row.path or "" for row in rows)
    if has_picture_ending(first) or _is_file(first, file, finder):
        return rows
    return rows[1:] if any(_is_file(path, file, finder) for path in others) else rows


def _fault(file: TreeFile, rows: Sequence[Row], finder: Finder) -> str | None:
    """What is wrong with a table, or None where its rows name photos of the tree."""
    named = [row.path for row in rows if row.path and row.label]
    if any(_is_file(path, file, finder) for path in named):
        return None
    told = f"names '{named[-1]}', which is no file" if named else "has no row with both"
    return f"{file.path} ({header_of(file)}) {told}"


def _is_file(path: str, table: TreeFile, finder: Finder) -> bool:
    return not isinstance(finder.find(path, table.path), Rejected)


def _split(path: str) -> Split | None:
    return split_named(PurePosixPath(path).stem) or split_of(path)
