"""Give every image that is kept its split, by way of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from tasks.alike import NearPairs
from tasks.entries import Entry, per_split
from tasks.grouping import Member, group
from tasks.ledger import Ledger, LedgerRow, update_ledger
from tasks.split import assign


def place(
    store: Store, dataset: str, entries: Sequence[Entry], seed: int, near: NearPairs
) -> list[Entry]:
    """The entries, those kept with their split and group; the ledger holds them from now on.

    A picture that looks like pictures of two splits is quarantined, and has no row.

    Args:
      store: where the ledger lies.
      dataset: name of the data set.
      entries: after duplicates, conflicts and small classes are set apart.
      seed: decides about contents that are new to the ledger.
      near: finds the pairs that look alike.

    Raises:
      DataError: a split would be empty; the ledger is as it was.
    """
    members = [
        Member(entry.content, entry.label, entry.pinned)
        for entry in entries
        if entry.state is ImageState.KEPT
    ]
    torn: dict[str, tuple[Split, ...]] = {}

    def decide(ledger: Ledger) -> Sequence[LedgerRow]:
        grouped = group(members, ledger, near)
        torn.clear()
        torn.update(grouped.torn)
        rows = assign(grouped.groups, members, ledger, seed)
        _refuse_empty_split(_placed(entries, ledger.extended(rows), torn), dataset)
        return rows

    return _placed(entries, update_ledger(store, dataset, decide), torn)


def _placed(
    entries: Sequence[Entry], ledger: Ledger, torn: Mapping[str, Sequence[Split]]
) -> list[Entry]:
    return [
        _in_place(entry, ledger, torn) if entry.state is ImageState.KEPT else entry
        for entry in entries
    ]


def _in_place(entry: Entry, ledger: Ledger, torn: Mapping[str, Sequence[Split]]) -> Entry:
    sha256 = entry.content.sha256
    if sha256 in torn:
        reason = f"looks like pictures of two splits: {' and '.join(torn[sha256])}"
        return replace(entry, state=ImageState.QUARANTINED, reason=reason)
    row = ledger.by_sha256[sha256]
    return replace(entry, split=row.split, group=row.group)


def _refuse_empty_split(entries: Sequence[Entry], dataset: str) -> None:
    for split, count in per_split(entries).items():
        if not count:
            raise DataError(
                f"split '{split}' of '{dataset}' has no image left",
                "at least one image a split; splits never change, so removals can empty one",
                "Add new images, bring the removed ones back, or ingest under a new name",
            )
