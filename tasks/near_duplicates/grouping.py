"""Which contents must share a split.

What the ledger holds never moves. New contents that look alike form a chain; one that looks like
something in the ledger joins that thing's group. A picture that looks like things in two splits
could only leak, so it is torn: set aside (ADR 0007).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import Split
from tasks.ingest.workbook import Workbook
from tasks.near_duplicates.alike import Alike, Place

# Of sorted, different hashes, hex, the pairs (i, j), i < j, that look alike: int64 [pairs] each.
NearPairs = Callable[[Iterable[str]], tuple[NDArray[np.int64], NDArray[np.int64]]]

# A look's node tells its place in an order that no source decides: the smallest sha256 first.
_NEW = """
INSERT INTO look (node, phash, chain) SELECT node, phash, node FROM (
    SELECT row_number() OVER (ORDER BY min(sha256)) - 1 AS node, phash
    FROM newcomer GROUP BY phash
)
"""
_HELD = """
INSERT INTO look (node, phash)
SELECT row_number() OVER (ORDER BY phash) - 1 + ?, phash
FROM ledger WHERE phash NOT IN (SELECT phash FROM look) GROUP BY phash
"""
_PLACES = """
SELECT look.node, ledger.split, ledger."group" FROM look
JOIN ledger ON ledger.phash = look.phash WHERE look.chain IS NOT NULL
"""
_PINS = """
SELECT look.node, newcomer.pinned FROM newcomer
JOIN look ON look.phash = newcomer.phash WHERE newcomer.pinned IS NOT NULL
"""
_PLACES_OF = """
SELECT DISTINCT ledger.split, ledger."group" FROM ledger
JOIN look ON look.phash = ledger.phash WHERE look.node = ?
"""


def group(book: Workbook, near: NearPairs) -> None:
    """Chain the looks of what is new to the ledger, and say where each must go.

    Filled is the table `look`: `chain` is the same of those that must share a split; `split` and
    `group` say where, if that is settled already; `torn` tells the splits of what a torn one
    looks like.

    Args:
      book: entries and ledger.
      near: finds the pairs that look alike.
    """
    book.execute("DELETE FROM look")
    new = book.execute(_NEW).rowcount
    if not new:
        return
    book.execute(_HELD, new)
    alike = _graph(book, near, new)
    for component in alike.components():
        settled = alike.settle(component)
        torn = ((" and ".join(splits), node) for node, splits in settled.torn.items())
        book.update("UPDATE look SET torn = ? WHERE node = ?", torn)
        for place, nodes in settled.joined.items():
            _chain(book, nodes, place)
        for nodes in alike.components(settled.free):
            _chain(book, nodes)


def _graph(book: Workbook, near: NearPairs, new: int) -> Alike:
    alike = Alike()
    for node, split, group in book.execute(_PLACES):
        alike.placed[node].add(Place(Split(split), group))
    for node, split in book.execute(_PINS):
        alike.placed[node].add(Place(Split(split)))
    for one, other in _pairs(book, near):
        if one < new:
            _look_at(book, alike, one, other)
        if other < new:
            alike.link(one, other)
            _look_at(book, alike, other, one)
    return alike


def _look_at(book: Workbook, alike: Alike, node: int, other: int) -> None:
    """A node looks like another one, and must go where the ledger has that."""
    for split, group in book.execute(_PLACES_OF, other):
        alike.placed[node].add(Place(Split(split), group))


def _chain(book: Workbook, nodes: Sequence[int], place: Place | None = None) -> None:
    split, group = (place.split, place.group) if place else (None, None)
    rows = ((nodes[0], split, group, node) for node in nodes)
    book.update('UPDATE look SET chain = ?, split = ?, "group" = ? WHERE node = ?', rows)


def _pairs(book: Workbook, near: NearPairs) -> Iterator[tuple[int, int]]:
    """The nodes that look alike, the smaller first."""
    hashes = (phash for (phash,) in book.execute("SELECT phash FROM look ORDER BY phash"))
    ones, others = near(hashes)
    order = (node for (node,) in book.execute("SELECT node FROM look ORDER BY phash"))
    nodes = np.fromiter(order, np.int64)
    ends = np.sort([nodes[ones], nodes[others]], axis=0)
    return zip(*cast("list[list[int]]", ends.tolist()), strict=True)
