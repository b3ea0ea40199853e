"""Workbooks for the tests of the steps that work on them."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.dataset.entries import Entry, close_entries, decode_entries, encode_entries, open_entries
from tasks.ingest import ledger
from tasks.ingest.workbook import Workbook


def book_of(entries: Iterable[Entry], rows: Iterable[tuple[str, ...]] = ()) -> Workbook:
    """A workbook with entries, in any order, and rows of a ledger."""
    book = open_entries(encode_entries(sorted(entries, key=lambda entry: entry.path)))
    book.fill("ledger", ledger.COLUMNS, rows)
    return book


def entries_of(book: Workbook) -> list[Entry]:
    return decode_entries(close_entries(book))


def rows_of(book: Workbook) -> list[tuple[str, ...]]:
    """The rows of the ledger, sorted by sha256."""
    return book.all("SELECT * FROM ledger")
