"""The split ledger of a data set name: an image content's split, for good (ADR 0001)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import ClusterError
from ray_jobs.storage import Store
from tasks.entries import Content
from tasks.tables import from_parquet, to_parquet

_COLUMNS = {
    "sha256": "string",
    "pixel_sha256": "string",
    "phash": "string",
    "label": "string",
    "group": "string",
    "split": "string",
}
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One content's place. `label` is its class when the row was written, and never changes."""

    content: Content
    label: str
    group: str
    split: Split


class Ledger:
    """Every row ever given out under one data set name."""

    def __init__(self, rows: Iterable[LedgerRow] = ()) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: row.content.sha256))
        self.by_sha256 = {row.content.sha256: row for row in self.rows}
        self._by_pixels = {row.content.pixel_sha256: row for row in reversed(self.rows)}

    def find(self, content: Content) -> LedgerRow | None:
        """The row of these bytes, or else of the same pixels in other bytes."""
        return self.by_sha256.get(content.sha256) or self._by_pixels.get(content.pixel_sha256)

    def extended(self, rows: Sequence[LedgerRow]) -> Ledger:
        """This ledger with new rows.

        Raises:
          ValueError: a content has a row already (our fault: nothing in a ledger ever moves).
        """
        taken = [row.content.sha256 for row in rows if row.content.sha256 in self.by_sha256]
        if taken:
            raise ValueError(f"the ledger holds {taken[0]} already")
        return Ledger((*self.rows, *rows))


def encode_ledger(ledger: Ledger) -> bytes:
    """The ledger as Parquet, sorted by sha256: the same rows give the same bytes."""
    return to_parquet(map(_values, ledger.rows), _COLUMNS)


def decode_ledger(data: bytes) -> Ledger:
    """The ledger of a file that `encode_ledger` wrote."""
    return Ledger(_row(values) for values in from_parquet(data, _COLUMNS))


def read_ledger(store: Store, dataset: str) -> Ledger:
    """The ledger as it is now; empty where nothing was ever ingested under this name."""
    found = store.get_tagged(keys.ledger(dataset))
    return Ledger() if found is None else decode_ledger(found.data)


def update_ledger(
    store: Store, dataset: str, decide: Callable[[Ledger], Sequence[LedgerRow]]
) -> Ledger:
    """Append what `decide` answers, and return the ledger that then holds.

    Whoever loses against another ingest reads again and decides again.

    Args:
      store: where the ledger lies.
      dataset: its name.
      decide: the rows to append to the ledger it is given; called once an attempt.

    Raises:
      ClusterError: others have won every time.
    """
    key = keys.ledger(dataset)
    for _ in range(_ATTEMPTS):
        found = store.get_tagged(key)
        ledger = Ledger() if found is None else decode_ledger(found.data)
        rows = decide(ledger)
        if not rows:
            return ledger
        ledger = ledger.extended(rows)
        etag = None if found is None else found.etag
        if store.compare_and_set(key, encode_ledger(ledger), etag=etag):
            return ledger
    raise ClusterError(
        f"{store.uri(key)} was changed by others {_ATTEMPTS} times in a row",
        "a moment without another ingest of the same data set",
        "Let the other ingests end, then run this one again",
    )


def _values(row: LedgerRow) -> dict[str, str]:
    return {
        "sha256": row.content.sha256,
        "pixel_sha256": row.content.pixel_sha256,
        "phash": row.content.phash,
        "label": row.label,
        "group": row.group,
        "split": row.split.value,
    }


def _row(values: dict[str, Any]) -> LedgerRow:
    return LedgerRow(
        content=Content(values["sha256"], values["pixel_sha256"], values["phash"]),
        label=values["label"],
        group=values["group"],
        split=Split(values["split"]),
    )
