"""Give every image that is kept its split, by way of the ledger."""

from __future__ import annotations

from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from tasks.ingest.classes import set_aside_small
from tasks.ingest.counts import per_split
from tasks.ingest.ledger import update_ledger
from tasks.ingest.split import assign
from tasks.ingest.workbook import Workbook
from tasks.near_duplicates.grouping import NearPairs, group

_SET_TORN_ASIDE = """
UPDATE entry SET state = 'quarantined', reason = 'looks like pictures of two splits: ' || look.torn
FROM look WHERE look.phash = entry.phash AND look.torn IS NOT NULL
AND entry.state = 'kept' AND entry.sha256 NOT IN (SELECT sha256 FROM ledger)
"""
_PUT_IN_PLACE = """
UPDATE entry SET split = ledger.split, "group" = ledger."group"
FROM ledger WHERE ledger.sha256 = entry.sha256 AND entry.state = 'kept'
"""


def place(
    store: Store,
    dataset: str,
    book: Workbook,
    *,
    near: NearPairs,
    seed: int = 0,
    strict: bool = False,
) -> list[str]:
    """Place the entries, and answer what is to be warned of; the ledger holds those kept.

    A picture that looks like pictures of two splits, and a class of too few groups, are
    quarantined, and have no row.

    Args:
      store: where the ledger lies.
      dataset: name of the data set.
      book: entries after duplicates and conflicts are set apart.
      near: finds the pairs that look alike.
      seed: decides about contents that are new to the ledger.
      strict: refuse small classes.

    Raises:
      DataError: a class is small (if strict), fewer than two are left, or a split would be empty;
        the ledger is as it was.
    """
    warnings: list[str] = []

    def decide() -> int:
        group(book, near)
        book.execute(_SET_TORN_ASIDE)
        warnings[:] = set_aside_small(book, strict=strict)
        added = assign(book, seed)
        book.execute(_PUT_IN_PLACE)
        _refuse_empty_split(book, dataset)
        return added

    update_ledger(store, dataset, book, decide)
    return warnings


def _refuse_empty_split(book: Workbook, dataset: str) -> None:
    for split, count in per_split(book).items():
        if not count:
            raise DataError(
                f"split '{split}' of '{dataset}' has no image left",
                "at least one image a split; splits never change, so removals can empty one",
                "Add new images, bring the removed ones back, or ingest under a new name",
            )
