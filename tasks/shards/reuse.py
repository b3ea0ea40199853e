"""Which shards of an earlier version serve again, so that a small change costs a small write.

A shard may hold images that the new version does not keep: readers go by the version's entries and
skip them (ADR 0008). It is written anew once half of it is skipped, and small shards are put
together once there are many.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ray_jobs.contract.dataset import ShardRef, Split
from tasks.dataset.tables import from_parquet
from tasks.ingest.workbook import Workbook
from tasks.shards.layout import AT_LEAST, shard_count

_BASE = ("state", "split", "sha256", "shard")
_HELD = """
SELECT base.shard, count(*) FROM kept
JOIN base ON base.split = kept.split AND base.sha256 = kept.sha256
WHERE kept.split = ? GROUP BY base.shard
"""
_TAKE_OVER = """
UPDATE entry SET shard = base.shard FROM base
WHERE base.split = entry.split AND base.sha256 = entry.sha256 AND entry.state = 'kept'
AND entry.split = ? AND base.shard IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True)
class Reuse:
    """What a split takes over, and into how many shards the rest is to be written.

    Attributes:
      shards: with the records that count now.
      count: of new shards.
    """

    shards: list[ShardRef]
    count: int


def open_base(book: Workbook, entries: bytes) -> None:
    """Take into a workbook which content lies where in an earlier version, given its entries."""
    rows = from_parquet(entries, _BASE)
    book.fill("base", _BASE[1:], (row[1:] for row in rows if row[0] == "kept" and row[3]))


def plan_split(book: Workbook, split: Split, shards: Sequence[ShardRef]) -> Reuse:
    """What of a base serves the images of a split; their entries then name their shard.

    Args:
      book: the entries, and the base's.
      split: which one.
      shards: of the base.
    """
    held: dict[str, int] = {key: count for key, count in book.all(_HELD, split)}
    kept = book.count("SELECT count(*) FROM kept WHERE split = ?", split)
    ideal = shard_count(book, split)
    worth = [ref for ref in shards if 2 * held.get(ref.key, 0) >= ref.stored]
    small = {ref.key for ref in worth if 2 * held.get(ref.key, 0) * ideal < kept}
    if len(small) >= AT_LEAST[split] and sum(held.values()) < kept:
        worth = [ref for ref in worth if ref.key not in small]
    book.execute(_TAKE_OVER, split, json.dumps([ref.key for ref in worth]))
    fresh = book.count("SELECT count(*) FROM kept WHERE split = ? AND shard IS NULL", split)
    return Reuse(
        shards=[ref.model_copy(update={"records": held.get(ref.key, 0)}) for ref in worth],
        count=math.ceil(ideal * fresh / kept) if kept else 0,
    )
