"""The split ledger of a data set name: an image content's split, for good (ADR 0001)."""

from __future__ import annotations

from collections.abc import Callable

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError
from ray_jobs.storage import Store
from tasks.dataset.tables import from_parquet, to_parquet
from tasks.ingest.workbook import Workbook

# `label` is a content's class when its row was written; `group` the smallest sha256 of the group
# when that was new. Nothing in a row ever changes.
COLUMNS = {
    "sha256": "string",
    "pixel_sha256": "string",
    "phash": "string",
    "label": "string",
    "group": "string",
    "split": "string",
}
_ATTEMPTS = 50


def read_ledger(store: Store, dataset: str, book: Workbook) -> None:
    """Take the ledger into a workbook; nothing where nothing was ever ingested under this name."""
    found = store.get_tagged(keys.ledger(dataset))
    if found is not None:
        open_ledger(book, found.data)


def open_ledger(book: Workbook, data: bytes) -> None:
    """Take the rows of a ledger's file into a workbook."""
    book.fill("ledger", COLUMNS, from_parquet(data, COLUMNS))


def close_ledger(book: Workbook) -> bytes:
    """The ledger of a workbook as a file, sorted by sha256: the same rows give the same bytes."""
    return to_parquet(book.rows("ledger", COLUMNS, order="sha256"), COLUMNS)


def update_ledger(store: Store, dataset: str, book: Workbook, decide: Callable[[], int]) -> None:
    """Add to the ledger what `decide` adds to the workbook's; that then holds what the store does.

    Whoever loses against another ingest reads again and decides again, of the same entries.

    Args:
      store: where the ledger lies.
      dataset: its name.
      book: with no ledger yet.
      decide: adds rows, and answers how many; called once an attempt.

    Raises:
      ClusterError: others have won every time.
    """
    key = keys.ledger(dataset)
    for _ in range(_ATTEMPTS):
        found = store.get_tagged(key)
        with book.tentative() as keep:
            if found is not None:
                open_ledger(book, found.data)
            etag = None if found is None else found.etag
            if not decide() or store.compare_and_set(key, close_ledger(book), etag=etag):
                keep()
                return
    raise ClusterError(
        f"{store.uri(key)} was changed by others {_ATTEMPTS} times in a row",
        "a moment without another ingest of the same data set",
        "Let the other ingests end, then run this one again",
    )
