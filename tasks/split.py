"""Which split a new group goes to. Pure: the ledger is given, its new rows are returned.

Rules (ADR 0001): what the ledger holds stays; new groups, in the order of hash(seed, group id)
within their class, fill the quotas of that class, counting what the ledger gave it already.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ray_jobs.contract.dataset import Split
from tasks.alike import Place
from tasks.grouping import Group, Member
from tasks.ledger import Ledger, LedgerRow

SHARES = {Split.TRAIN: 70, Split.VAL: 15, Split.TEST: 15}  # percent

Counts = Mapping[Split, int]


def assign(
    groups: Sequence[Group], members: Sequence[Member], ledger: Ledger, seed: int
) -> list[LedgerRow]:
    """The rows to append so that every content of `groups` has one. Orders play no part.

    Args:
      groups: what is new to the ledger; one with a place goes there.
      members: everything that the source holds, with what the ledger has already. Where the
        source pins images of a class, the rest of the class goes to the other splits.
      ledger: every content ever placed under this name.
      seed: decides the order.
    """
    rows: list[LedgerRow] = []
    new: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if group.place is None:
            new[group.label].append(group)
        else:
            rows += _rows(group, group.place)
    known = [ledger.by_sha256[m.sha256] for m in members if m.sha256 in ledger.by_sha256]
    given = Counter((row.label, row.split) for row in (*ledger.rows, *rows))
    present = Counter((row.label, row.split) for row in (*known, *rows))
    pins = {(member.label, member.pinned) for member in members if member.pinned}
    for label in sorted(new):
        shares = {split: share for split, share in SHARES.items() if (label, split) not in pins}
        rows += _fill(
            new[label],
            {split: given[label, split] for split in shares},
            {split: present[label, split] for split in shares},
            shares,
            seed,
        )
    return rows


def quotas(images: int, shares: Counts = SHARES) -> dict[Split, int]:
    """How many of so many images each split should have, by largest remainder.

    >>> [f"{split}: {count}" for split, count in quotas(10).items()]
    ['train: 7', 'val: 2', 'test: 1']
    """
    total = sum(shares.values())
    counts = {split: images * share // total for split, share in shares.items()}
    by_remainder = sorted(shares, key=lambda split: -(images * shares[split] % total))
    for split in by_remainder[: images - sum(counts.values())]:
        counts[split] += 1
    return counts


def _fill(
    groups: Sequence[Group], given: Counts, present: Counts, shares: Counts, seed: int
) -> list[LedgerRow]:
    """Rows of one class's new groups.

    Args:
      groups: the new groups.
      given: images of the class that the ledger holds, a split.
      present: those that the source holds now; a split that has none comes first, so that three
        groups are enough for one in each.
      shares: of the splits to fill.
      seed: decides the order.
    """
    images, here = Counter(given), Counter(present)
    wanted = quotas(sum(given.values()) + sum(len(group.members) for group in groups), shares)
    rows: list[LedgerRow] = []
    for group in sorted(groups, key=lambda group: _rank(seed, group.id)):
        split = max(shares, key=lambda split: (here[split] == 0, wanted[split] - images[split]))
        images[split] += len(group.members)
        here[split] += 1
        rows += _rows(group, Place(split))
    return rows


def _rows(group: Group, place: Place) -> list[LedgerRow]:
    return [
        LedgerRow(member.content, member.label, group.id, place.split) for member in group.members
    ]


def _rank(seed: int, group_id: str) -> str:
    return hashlib.sha256(f"{seed}:{group_id}".encode()).hexdigest()
