"""Rows to Parquet and back, byte for byte the same for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import pyarrow
from pyarrow import parquet

# pyarrow ships no types: this file is the only one of the data plane that touches it.
_arrow = cast("Any", pyarrow)
_parquet = cast("Any", parquet)

Columns = Mapping[str, str]
_BATCH = 10_000  # rows held as Python values at once


def to_parquet(rows: Iterable[Mapping[str, Any]], columns: Columns) -> bytes:
    """One Parquet file.

    Args:
      rows: a mapping a row, in the order in which they are kept; taken a few at a time.
      columns: name -> Arrow type ("string", "int64"); every value may be null.
    """
    schema = _arrow.schema([(name, _arrow.type_for_alias(kind)) for name, kind in columns.items()])
    sink = _arrow.BufferOutputStream()
    left = iter(rows)
    with _parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while batch := list(islice(left, _BATCH)):
            writer.write_table(_arrow.Table.from_pylist(batch, schema=schema))
    return cast("bytes", sink.getvalue().to_pybytes())


def from_parquet(data: bytes, columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows of a file that `to_parquet` wrote, as far as `columns` names them."""
    file = _parquet.ParquetFile(_arrow.BufferReader(data))
    for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
        yield from cast("list[dict[str, Any]]", batch.to_pylist())
