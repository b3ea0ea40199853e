"""The tables that a step of an ingest works on: a temporary SQLite database.

It lies in a file that goes with it, and little of it in memory, so that a step takes about the
same memory for a hundred thousand photos as for ten thousand (ADR 0009).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from tasks.dataset.tables import Row

Value = str | int | None

# entry: of a source, as in `tasks.dataset.entries`. ledger: as in `tasks.ingest.ledger`. base:
# which content lies in which shard of an earlier version. look: a perceptual hash, and the chain of
# looks that it hangs together with (`tasks.near_duplicates.grouping`). newcomer: what is kept and
# has no row in the ledger.
_SCHEMA = """
CREATE TABLE entry (
    path TEXT PRIMARY KEY, label TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
    duplicate_of TEXT, split TEXT, "group" TEXT, shard TEXT, sha256 TEXT, pixel_sha256 TEXT,
    phash TEXT, width INTEGER, height INTEGER, size_bytes INTEGER, notes TEXT, pinned TEXT
) WITHOUT ROWID;
CREATE TABLE ledger (
    sha256 TEXT PRIMARY KEY, pixel_sha256 TEXT NOT NULL, phash TEXT NOT NULL, label TEXT NOT NULL,
    "group" TEXT NOT NULL, split TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ledger_by_phash ON ledger (phash);
CREATE TABLE base (
    split TEXT, sha256 TEXT, shard TEXT NOT NULL, PRIMARY KEY (split, sha256)
) WITHOUT ROWID;
CREATE TABLE look (
    node INTEGER PRIMARY KEY, phash TEXT NOT NULL UNIQUE, chain INTEGER, split TEXT, "group" TEXT,
    torn TEXT
);
CREATE TABLE unit (
    chain INTEGER PRIMARY KEY, first TEXT NOT NULL, label TEXT NOT NULL, images INTEGER NOT NULL,
    split TEXT, "group" TEXT
);
CREATE VIEW kept AS SELECT * FROM entry WHERE state = 'kept';
CREATE VIEW newcomer AS
SELECT kept.sha256, kept.pixel_sha256, kept.phash, kept.label, kept.pinned FROM kept
LEFT JOIN ledger ON ledger.sha256 = kept.sha256 WHERE ledger.sha256 IS NULL;
"""


class Workbook:
    """The tables of one step; one thread's own."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")  # never committed: nothing outlives the step

    def execute(self, sql: str, *values: Value) -> sqlite3.Cursor:
        """Run a statement; the rows that it answers, one at a time."""
        return self._db.execute(sql, values)

    def all(self, sql: str, *values: Value) -> list[Row]:
        """The rows that a statement answers, where they are few or are written over meanwhile."""
        return self._db.execute(sql, values).fetchall()

    def count(self, sql: str, *values: Value) -> int:
        """The number that a statement answers."""
        (number,) = self._db.execute(sql, values).fetchone()
        return int(number)

    def fill(self, table: str, columns: Iterable[str], rows: Iterable[Sequence[Value]]) -> None:
        """Add rows to a table of ours; the columns that are not named are null."""
        names = _quoted(columns)
        places = ", ".join("?" * len(names))
        self._db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)

    def rows(self, table: str, columns: Iterable[str], *, order: str) -> Iterator[Row]:
        """The columns of a table of ours, sorted by one of them."""
        names = ", ".join(_quoted(columns))
        return self._db.execute(f"SELECT {names} FROM {table} ORDER BY {order}")

    def update(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""
        self._db.executemany(sql, rows)

    def define(self, name: str, function: Callable[..., str]) -> None:
        """Make a pure function known to the statements."""
        self._db.create_function(name, -1, function, deterministic=True)

    @contextmanager
    def tentative(self) -> Generator[Callable[[], None]]:
        """Changes that are taken back at the end, unless what is yielded was called."""
        is_kept = False

        def keep() -> None:
            nonlocal is_kept
            is_kept = True

        self._db.execute("SAVEPOINT tentative")
        try:
            yield keep
        finally:
            if not is_kept:
                self._db.execute("ROLLBACK TO tentative")
            self._db.execute("RELEASE tentative")


def _quoted(columns: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in columns]
