"""Give every image that is kept its split, by way of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from tasks.alike import NearPairs
from tasks.classes import set_aside_small
from tasks.entries import Entry, per_split
from tasks.grouping import Group, Grouped, Member, group
from tasks.ledger import Ledger, LedgerRow, update_ledger
from tasks.split import assign


class Placed(NamedTuple):
    """The entries, those kept with their split and group, and what is to be warned of."""

    entries: list[Entry]
    warnings: list[str]


class _Decided(NamedTuple):
    """What one ledger comes to: the entries left, the warnings, the rows to append."""

    entries: list[Entry]
    warnings: list[str]
    rows: list[LedgerRow]


def place(
    store: Store,
    dataset: str,
    entries: Sequence[Entry],
    *,
    near: NearPairs,
    seed: int = 0,
    strict: bool = False,
) -> Placed:
    """Place the entries; the ledger holds those kept from now on.

    A picture that looks like pictures of two splits, and a class of too few groups, are
    quarantined, and have no row.

    Args:
      store: where the ledger lies.
      dataset: name of the data set.
      entries: after duplicates and conflicts are set apart.
      near: finds the pairs that look alike.
      seed: decides about contents that are new to the ledger.
      strict: refuse small classes.

    Raises:
      DataError: a class is small (if strict), fewer than two are left, or a split would be empty;
        the ledger is as it was.
    """
    decided: list[_Decided] = []

    def decide(ledger: Ledger) -> Sequence[LedgerRow]:
        decided.append(_decide(entries, ledger, near, seed, strict=strict))
        rows = decided[-1].rows
        _refuse_empty_split(_in_place(decided[-1].entries, ledger.extended(rows)), dataset)
        return rows

    ledger = update_ledger(store, dataset, decide)
    return Placed(_in_place(decided[-1].entries, ledger), decided[-1].warnings)


def _decide(
    entries: Sequence[Entry], ledger: Ledger, near: NearPairs, seed: int, *, strict: bool
) -> _Decided:
    grouped = group(_members(entries), ledger, near)
    whole = [_quarantined(entry, grouped.torn) for entry in entries]
    left, warnings = set_aside_small(whole, _group_of(grouped, ledger), strict=strict)
    members = _members(left)
    kept = {member.sha256 for member in members}
    groups = [_of_those(one, kept) for one in grouped.groups]
    rows = assign([one for one in groups if one.members], members, ledger, seed)
    return _Decided(left, warnings, rows)


def _members(entries: Sequence[Entry]) -> list[Member]:
    return [
        Member(entry.content, entry.label, entry.pinned)
        for entry in entries
        if entry.state is ImageState.KEPT
    ]


def _group_of(grouped: Grouped, ledger: Ledger) -> dict[str, str]:
    """sha256 -> the group that it is in, or comes to be in."""
    known = {sha256: row.group for sha256, row in ledger.by_sha256.items()}
    return known | {member.sha256: one.id for one in grouped.groups for member in one.members}


def _of_those(one: Group, kept: set[str]) -> Group:
    members = tuple(member for member in one.members if member.sha256 in kept)
    return Group(members, one.place)


def _quarantined(entry: Entry, torn: Mapping[str, Sequence[Split]]) -> Entry:
    if entry.state is not ImageState.KEPT or entry.content.sha256 not in torn:
        return entry
    splits = " and ".join(torn[entry.content.sha256])
    reason = f"looks like pictures of two splits: {splits}"
    return replace(entry, state=ImageState.QUARANTINED, reason=reason)


def _in_place(entries: Sequence[Entry], ledger: Ledger) -> list[Entry]:
    return [_with_place(e, ledger) if e.state is ImageState.KEPT else e for e in entries]


def _with_place(entry: Entry, ledger: Ledger) -> Entry:
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
