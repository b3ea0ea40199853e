"""Give every image that is kept its split, by way of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from tasks.entries import Entry, per_split
from tasks.ledger import Ledger, LedgerRow, update_ledger
from tasks.split import Group, assign


def place(store: Store, dataset: str, entries: Sequence[Entry], seed: int) -> list[Entry]:
    """The entries, those kept with their split and group; the ledger holds them from now on.

    Args:
      store: where the ledger lies.
      dataset: name of the data set.
      entries: after duplicates, conflicts and small classes are set apart.
      seed: decides about contents that are new to the ledger.

    Raises:
      DataError: a split would be empty; the ledger is as it was.
    """

    def decide(ledger: Ledger) -> Sequence[LedgerRow]:
        rows = assign(_groups(entries), ledger, seed)
        _refuse_empty_split(_placed(entries, ledger.extended(rows)), dataset)
        return rows

    return _placed(entries, update_ledger(store, dataset, decide))


def _groups(entries: Sequence[Entry]) -> list[Group]:
    """Every kept content is a group of its own."""
    return [Group(e.label, (e.content,)) for e in entries if e.state is ImageState.KEPT]


def _placed(entries: Sequence[Entry], ledger: Ledger) -> list[Entry]:
    return [_in_place(e, ledger) if e.state is ImageState.KEPT else e for e in entries]


def _in_place(entry: Entry, ledger: Ledger) -> Entry:
    row = ledger.by_sha256[entry.content.sha256]
    return replace(entry, split=row.split, group=row.group)


def _refuse_empty_split(entries: Sequence[Entry], dataset: str) -> None:
    for split, count in per_split(entries).items():
        if not count:
            raise DataError(
                f"split '{split}' of '{dataset}' has no image left",
                "at least one image a split; splits never change, so removals can empty one",
                "Add new images, bring the removed ones back, or ingest under a new name",
            )
