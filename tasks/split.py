"""Which split a new picture goes to. Pure: the ledger is given, its new rows are returned.

Rules (ADR 0001): what the ledger holds stays; new groups, in the order of hash(seed, group id)
within their class, fill the quotas of that class, counting what the ledger gave it already.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ray_jobs.contract.dataset import Split
from tasks.entries import Content
from tasks.ledger import Ledger, LedgerRow

SHARES = {Split.TRAIN: 70, Split.VAL: 15, Split.TEST: 15}  # percent


@dataclass(frozen=True, slots=True)
class Group:
    """Contents that must share a split, all of one class."""

    label: str
    contents: tuple[Content, ...]

    @property
    def id(self) -> str:
        """The smallest sha256 in it."""
        return min(content.sha256 for content in self.contents)


def assign(groups: Iterable[Group], ledger: Ledger, seed: int) -> list[LedgerRow]:
    """The rows to append so that every content of `groups` has one.

    A group of which the ledger knows a content (its bytes, or its pixels) joins that content's
    split. The order of `groups` plays no part.
    """
    known: list[tuple[Group, LedgerRow]] = []
    new: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        row = _known(group, ledger)
        if row is None:
            new[group.label].append(group)
        else:
            known.append((group, row))
    rows = [row for group, place in known for row in _join(group, place, ledger)]
    present = Counter((group.label, row.split) for group, row in known)
    given = Counter((row.label, row.split) for row in ledger.rows)
    for label in sorted(new):
        here = {split: present[label, split] for split in Split}
        rows += _fill(new[label], {split: given[label, split] for split in Split}, here, seed)
    return rows


def quotas(images: int) -> dict[Split, int]:
    """How many of so many images each split should have, by largest remainder.

    >>> [f"{split}: {count}" for split, count in quotas(10).items()]
    ['train: 7', 'val: 2', 'test: 1']
    """
    counts = {split: images * share // 100 for split, share in SHARES.items()}
    by_remainder = sorted(SHARES, key=lambda split: -(images * SHARES[split] % 100))
    for split in by_remainder[: images - sum(counts.values())]:
        counts[split] += 1
    return counts


def _known(group: Group, ledger: Ledger) -> LedgerRow | None:
    contents = sorted(group.contents, key=lambda content: content.sha256)
    return next((row for content in contents if (row := ledger.find(content))), None)


def _join(group: Group, place: LedgerRow, ledger: Ledger) -> list[LedgerRow]:
    return [
        LedgerRow(content, group.label, place.group, place.split)
        for content in group.contents
        if content.sha256 not in ledger.by_sha256
    ]


def _fill(
    groups: Sequence[Group], given: Mapping[Split, int], present: Mapping[Split, int], seed: int
) -> list[LedgerRow]:
    """Rows of one class's new groups.

    Args:
      groups: the new groups.
      given: images of the class that the ledger holds, a split.
      present: its groups that the source holds now; a split that has none comes first, so that
        three groups are enough for one in each.
      seed: decides the order.
    """
    images = Counter(given)
    here = Counter(present)
    wanted = quotas(sum(given.values()) + sum(len(group.contents) for group in groups))
    rows: list[LedgerRow] = []
    for group in sorted(groups, key=lambda group: _rank(seed, group.id)):
        split = max(Split, key=lambda split: (here[split] == 0, wanted[split] - images[split]))
        images[split] += len(group.contents)
        here[split] += 1
        rows += [LedgerRow(content, group.label, group.id, split) for content in group.contents]
    return rows


def _rank(seed: int, group_id: str) -> str:
    return hashlib.sha256(f"{seed}:{group_id}".encode()).hexdigest()
