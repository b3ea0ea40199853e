"""Rows to Parquet and back, byte for byte the same for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pyarrow
from pyarrow import parquet

# pyarrow ships no types: this file is the only one of the data plane that touches it.
_arrow = cast("Any", pyarrow)
_parquet = cast("Any", parquet)

Columns = Mapping[str, str]


def to_parquet(rows: Iterable[Mapping[str, Any]], columns: Columns) -> bytes:
    """One Parquet file, one row group.

    Args:
      rows: a mapping a row, in the order in which they are kept.
      columns: name -> Arrow type ("string", "int64"); every value may be null.
    """
    schema = _arrow.schema([(name, _arrow.type_for_alias(kind)) for name, kind in columns.items()])
    table = _arrow.Table.from_pylist(list(rows), schema=schema)
    sink = _arrow.BufferOutputStream()
    _parquet.write_table(table, sink, compression="zstd", row_group_size=max(1, len(table)))
    return cast("bytes", sink.getvalue().to_pybytes())


def from_parquet(data: bytes, columns: Columns) -> Sequence[dict[str, Any]]:
    """The rows of a file that `to_parquet` wrote, as far as `columns` names them."""
    table = _parquet.read_table(_arrow.BufferReader(data), columns=list(columns))
    return cast("list[dict[str, Any]]", table.to_pylist())
