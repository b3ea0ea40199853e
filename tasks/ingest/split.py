"""Which split what is new goes to, and its rows in the ledger.

Rules (ADR 0001): what the ledger holds stays; new groups, in the order of hash(seed, group id)
within their class, fill the quotas of that class, counting what the ledger gave it already.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

from ray_jobs.contract.dataset import Split
from tasks.ingest.workbook import Workbook

SHARES = {Split.TRAIN: 70, Split.VAL: 15, Split.TEST: 15}  # percent

Counts = Mapping[Split, int]

# A unit is a chain of looks as far as it is kept. Its label is that of its smallest sha256: beside
# a lone min(), SQLite answers the other columns of the very row that has the minimum.
_UNITS = """
INSERT INTO unit (chain, first, label, images, split, "group")
SELECT look.chain, min(newcomer.sha256), newcomer.label, count(*), look.split, look."group"
FROM newcomer JOIN look ON look.phash = newcomer.phash GROUP BY look.chain
"""
_PLACED = """
SELECT newcomer.label AS label, unit.split AS split FROM newcomer
JOIN look ON look.phash = newcomer.phash JOIN unit ON unit.chain = look.chain
WHERE unit.split IS NOT NULL
"""
_GIVEN = f"""
SELECT label, split, count(*) FROM (SELECT label, split FROM ledger UNION ALL {_PLACED})
GROUP BY label, split
"""
_PRESENT = f"""
SELECT label, split, count(*) FROM (
    SELECT ledger.label AS label, ledger.split AS split FROM kept
    JOIN ledger ON ledger.sha256 = kept.sha256 UNION ALL {_PLACED}
) GROUP BY label, split
"""
_PINS = "SELECT DISTINCT label, pinned FROM kept WHERE pinned IS NOT NULL"
_FREE = "SELECT label, sum(images) FROM unit WHERE split IS NULL GROUP BY label ORDER BY label"
_IN_ORDER = (
    "SELECT chain, images FROM unit WHERE split IS NULL AND label = ? ORDER BY rank(?, first)"
)
_ROWS = """
INSERT INTO ledger (sha256, pixel_sha256, phash, label, "group", split)
SELECT newcomer.sha256, newcomer.pixel_sha256, newcomer.phash, newcomer.label,
    coalesce(unit."group", unit.first), unit.split
FROM newcomer JOIN look ON look.phash = newcomer.phash JOIN unit ON unit.chain = look.chain
"""


def assign(book: Workbook, seed: int) -> int:
    """Add the rows to the ledger so that everything kept has one; how many were added.

    Units that have a place go there. Where the source pins images of a class, the rest of the
    class goes to the other splits.

    Args:
      book: entries, ledger, and the looks of what is new (`tasks.near_duplicates.grouping`).
      seed: decides the order.
    """
    book.define("rank", _rank)
    book.execute("DELETE FROM unit")
    book.execute(_UNITS)
    pins = set(book.all(_PINS))
    given, present = _counts(book, _GIVEN), _counts(book, _PRESENT)
    for label, images in book.all(_FREE):
        shares = {split: share for split, share in SHARES.items() if (label, split) not in pins}
        had = Counter({split: given[label, split] for split in shares})
        here = Counter({split: present[label, split] for split in shares})
        wanted = quotas(had.total() + images, shares)
        _fill(book, label, wanted, had, here, seed)
    return book.execute(_ROWS).rowcount


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
    book: Workbook,
    label: str,
    wanted: Counts,
    had: Counter[Split],
    here: Counter[Split],
    seed: int,
) -> None:
    """Give the free units of a class their splits.

    Args:
      book: the units.
      label: the class.
      wanted: images a split.
      had: images of the class that the ledger holds, a split.
      here: those that the source holds now; a split that has none comes first, so that three
        groups are enough for one in each.
      seed: decides the order.
    """
    for chain, images in book.execute(_IN_ORDER, label, seed):
        split = max(wanted, key=lambda split: (here[split] == 0, wanted[split] - had[split]))
        had[split] += images
        here[split] += 1
        book.execute("UPDATE unit SET split = ? WHERE chain = ?", split, chain)


def _counts(book: Workbook, sql: str) -> Counter[tuple[str, str]]:
    return Counter({(label, split): count for label, split, count in book.all(sql)})


def _rank(seed: int, group_id: str) -> str:
    return hashlib.sha256(f"{seed}:{group_id}".encode()).hexdigest()
