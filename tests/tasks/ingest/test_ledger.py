import sqlite3

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError
from tasks.ingest.ledger import COLUMNS, close_ledger, open_ledger, read_ledger, update_ledger
from tasks.ingest.workbook import Workbook
from tests.fakes import InMemoryStore
from tests.tasks.ingest.books import book_of, rows_of


def row(name, split="train"):
    return name * 64, name.upper() * 64, name * 16, "glass", name * 64, split


def adding(book, *rows):
    """Adds the rows that the ledger does not hold."""

    def decide():
        new = [one for one in rows if one[0] not in {held[0] for held in rows_of(book)}]
        book.fill("ledger", COLUMNS, new)
        return len(new)

    return decide


def add(store, dataset, *rows):
    book = Workbook()
    update_ledger(store, dataset, book, adding(book, *rows))
    return book


def stored(store, dataset="waste"):
    book = Workbook()
    read_ledger(store, dataset, book)
    return rows_of(book)


def test_a_ledger_survives_its_file():
    again = Workbook()
    open_ledger(again, close_ledger(book_of([], [row("b", "test"), row("a")])))
    assert rows_of(again) == [row("a"), row("b", "test")]


def test_the_same_rows_give_the_same_bytes_in_any_order():
    one, other = book_of([], [row("a"), row("b")]), book_of([], [row("b"), row("a")])
    assert close_ledger(one) == close_ledger(other)


def test_a_row_is_never_replaced():
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE.*ledger\.sha256"):
        book_of([], [row("a"), row("a", "test")])


def test_nothing_new_writes_nothing():
    store = InMemoryStore()
    add(store, "waste")
    assert store.objects == {}


def test_the_loser_of_two_ingests_reads_again_and_decides_again():
    store, book, seen = InMemoryStore(), Workbook(), []

    def slower():
        seen.append(len(rows_of(book)))
        if len(seen) == 1:  # another ingest is faster, between our read and our write
            add(store, "waste", row("a", "val"))
        return adding(book, row("b"))()

    update_ledger(store, "waste", book, slower)
    assert seen == [0, 1]
    assert stored(store) == rows_of(book) == [row("a", "val"), row("b")]


def test_both_ingests_end_with_the_row_of_the_one_that_came_first():
    store, book, calls = InMemoryStore(), Workbook(), []

    def slower():
        calls.append(1)
        if len(calls) == 1:
            add(store, "waste", row("a", "val"))
        return adding(book, row("a", "test"))()

    update_ledger(store, "waste", book, slower)
    assert rows_of(book) == [row("a", "val")]


def test_a_decision_that_fails_leaves_the_workbook_as_it_was():
    store, book = InMemoryStore(), Workbook()

    def refuses():
        book.fill("ledger", COLUMNS, [row("a")])
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        update_ledger(store, "waste", book, refuses)
    assert (rows_of(book), store.objects) == ([], {})


def test_who_never_wins_says_so():
    class Contended(InMemoryStore):
        def compare_and_set(self, key, data, *, etag):
            return False

    with pytest.raises(ClusterError, match=r"changed by others 50 times.*; expected .*\. Let"):
        add(Contended(), "waste", row("a"))


def test_each_name_has_a_ledger_of_its_own():
    store = InMemoryStore()
    add(store, "one", row("a"))
    assert list(store.objects) == [keys.ledger("one")]
    assert stored(store, "two") == []
