"""The same picture twice: one is kept; under two labels, none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from tasks.dataset.tables import Row
from tasks.ingest.workbook import Workbook

_TWICE = """
SELECT pixel_sha256, min(path), json_group_array(DISTINCT label) FROM kept
GROUP BY pixel_sha256 HAVING count(*) > 1
"""
_CONFLICTS = """
UPDATE entry SET state = 'conflict', reason = twice.reason FROM twice
WHERE entry.pixel_sha256 = twice.pixel_sha256 AND entry.state = 'kept'
AND twice.reason IS NOT NULL
"""
_DUPLICATES = """
UPDATE entry SET state = 'duplicate', duplicate_of = twice.path FROM twice
WHERE entry.pixel_sha256 = twice.pixel_sha256 AND entry.state = 'kept'
AND entry.path <> twice.path
"""


def dedupe(book: Workbook) -> None:
    """Set the entries apart that show the same pixels as another one.

    Equal bytes have equal pixels, so pixels decide. Of one label, the smallest path is kept and
    the others name it; of several labels, every one is a conflict, since none can be trusted.
    Only those in state `KEPT` are compared.
    """
    book.execute("CREATE TEMP TABLE twice (pixel_sha256 TEXT PRIMARY KEY, path TEXT, reason TEXT)")
    book.fill("twice", ("pixel_sha256", "path", "reason"), _judged(book))
    book.execute(_CONFLICTS)
    book.execute(_DUPLICATES)
    book.execute("DROP TABLE twice")


def _judged(book: Workbook) -> Iterator[Row]:
    for pixels, path, found in book.execute(_TWICE):
        labels = sorted(cast("list[str]", json.loads(found)))
        reason = f"the same picture as {' and '.join(map(repr, labels))}"
        yield pixels, path, reason if len(labels) > 1 else None
