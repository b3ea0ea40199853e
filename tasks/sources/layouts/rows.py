"""The rows of a label table: CSV, TSV or JSONL, with a photo's path and its class in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from ray_jobs.contract.errors import DataError
from tasks.ingest.class_names import class_key
from tasks.sources.layouts.columns import (
    LABEL_NAMES,
    PATH_NAMES,
    SPLIT_NAMES,
    columns_of,
    names_classes,
)
from tasks.sources.trees.base import TreeFile

MAX_TABLE_BYTES = 256 * 2**20
_HEAD_BYTES = 2**16
_DELIMITERS = (",", "\t", ";", "|")


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

    Columns are found by their names, whatever their case, with blanks, `_`, `-` or none between
    words; two columns without such names are a path and a class.

    Raises:
      DataError: it cannot be read, is larger than 256 MiB, or no UTF-8.
    """
    text = _text(file)
    if _is_json(file):
        return list(_json_rows(text))
    first = text.partition("\n")[0]
    heads = {delimiter: _fields(first, delimiter) for delimiter in _DELIMITERS}
    for delimiter, names in heads.items():
        if columns := columns_of(names):
            return list(_csv_rows(text, delimiter, columns, skip=1))
    for delimiter, names in heads.items():
        if len(names) == 2:
            return list(_csv_rows(text, delimiter, {"path": 0, "label": 1}, skip=0))
    return None


def has_names(file: TreeFile) -> bool:
    """Whether a table names its columns. Raises OSError."""
    return _is_json(file) or any(map(columns_of, _heads(file)))


def has_class_column(file: TreeFile) -> bool:
    """Whether a table says by name that it tells classes, not types or anything. Raises OSError."""
    return _is_json(file) or any(names_classes(names) for names in _heads(file))


def _heads(file: TreeFile) -> list[list[str]]:
    """The first line of a table by each delimiter."""
    first = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace").partition("\n")[0]
    return [_fields(first, delimiter) for delimiter in _DELIMITERS]


def _is_json(file: TreeFile) -> bool:
    return file.path.lower().endswith(".jsonl")


def header_of(file: TreeFile) -> str:
    """The first line of a table, as far as a message shows it. Raises OSError."""
    return file.read(80).decode("utf-8-sig", "replace").partition("\n")[0].strip()


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


def _csv_rows(text: str, delimiter: str, columns: Mapping[str, int], skip: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    places = columns["path"], columns["label"], columns.get("split")
    try:
        for fields in reader:
            if reader.line_num > skip and any(map(str.strip, fields)):
                path, label, split = (_said(fields, place) for place in places)
                yield Row(reader.line_num, path, label, split, delimiter.join(fields)[:80])
    except csv.Error as error:
        yield Row(reader.line_num, None, None, None, str(error))


def _said(fields: list[str], place: int | None) -> str | None:
    return None if place is None or place >= len(fields) else fields[place].strip() or None


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
    return {class_key(key): value for key, value in cast("dict[str, object]", found).items()}


def _value(found: dict[str, object], names: tuple[str, ...]) -> str | None:
    value = next((found[key] for key in map(class_key, names) if key in found), None)
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return (str(value).strip() or None) if is_plain else None


def _unreadable(path: str, why: str) -> DataError:
    return DataError(
        f"the table {path} cannot be read: {why}",
        "a CSV, TSV or JSONL in UTF-8 with the columns path and label",
        "Repair it, and ingest again",
    )
