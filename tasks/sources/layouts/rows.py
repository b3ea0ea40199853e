"""The rows of a label table: CSV, TSV or JSONL, with a photo's path and its class in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from ray_jobs.contract.errors import DataError
from tasks.sources.trees.base import TreeFile

MAX_TABLE_BYTES = 256 * 2**20
PATH_NAMES = ("path", "image", "filename", "file", "file_name", "image_path", "filepath", "img")
LABEL_NAMES = ("label", "class", "category", "target", "class_name", "label_name")
SPLIT_NAMES = ("split", "subset", "set")


class Row(NamedTuple):
    """One row; `path` and `label` are None where it does not say them.

    Attributes:
      line: where it stands, from 1.
      text: how it begins, for a message.
    """

    line: int
    path: str | None
    label: str | None
    split: str | None
    text: str


def rows_of(file: TreeFile) -> list[Row] | None:
    """The rows of a table, or None where it has no column of paths or none of classes.

    Columns are found by their names, whatever their case; two columns without a header are a path
    and a class.

    Raises:
      DataError: it cannot be read, is larger than 256 MiB, or no UTF-8.
    """
    text = _text(file)
    if file.path.lower().endswith(".jsonl"):
        return list(_json_rows(text))
    first = text.partition("\n")[0]
    for delimiter in (",", "\t", ";"):
        header = [name.strip().lower() for name in _fields(first, delimiter)]
        columns = _columns(header)
        if columns is not None:
            return list(_csv_rows(text, delimiter, columns, skip=1))
        if len(header) == 2:
            return list(_csv_rows(text, delimiter, {"path": 0, "label": 1}, skip=0))
    return None


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), list[str]())
    except csv.Error:
        return []


def _text(file: TreeFile) -> str:
    try:
        data = file.read(MAX_TABLE_BYTES + 1)
        if len(data) > MAX_TABLE_BYTES:
            raise _unreadable(file.path, f"it has more than {MAX_TABLE_BYTES // 2**20} MiB")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(file.path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(file.path, f"byte {error.start} is no UTF-8") from error


def _columns(header: list[str]) -> dict[str, int] | None:
    found = {
        "path": _first(header, PATH_NAMES),
        "label": _first(header, LABEL_NAMES),
        "split": _first(header, SPLIT_NAMES),
    }
    columns = {name: place for name, place in found.items() if place is not None}
    return columns if {"path", "label"} <= columns.keys() else None


def _first(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _csv_rows(text: str, delimiter: str, columns: Mapping[str, int], skip: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for fields in reader:
            if reader.line_num <= skip or not any(field.strip() for field in fields):
                continue
            said = {name: _said(fields, place) for name, place in columns.items()}
            shown = delimiter.join(fields)[:80]
            yield Row(reader.line_num, said["path"], said["label"], said.get("split"), shown)
    except csv.Error as error:
        yield Row(reader.line_num, None, None, None, str(error))


def _said(fields: list[str], place: int) -> str | None:
    return (fields[place].strip() or None) if place < len(fields) else None


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            found = _object(line)
            path, label = _value(found, PATH_NAMES), _value(found, LABEL_NAMES)
            yield Row(number, path, label, _value(found, SPLIT_NAMES), line[:80])


def _object(line: str) -> dict[str, object]:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key.lower(): value for key, value in cast("dict[str, object]", found).items()}


def _value(found: dict[str, object], names: tuple[str, ...]) -> str | None:
    value = next((found[name] for name in names if name in found), None)
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return (str(value).strip() or None) if is_plain else None


def _unreadable(path: str, why: str) -> DataError:
    return DataError(
        f"the table {path} cannot be read: {why}",
        "a CSV, TSV or JSONL in UTF-8 with the columns path and label",
        "Repair it, and ingest again",
    )
