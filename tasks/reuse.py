"""Which shards of an earlier version serve again, so that a small change costs a small write. Pure.

A shard may hold images that the new version does not keep: readers go by the version's entries and
skip them (ADR 0008). It is written anew once half of it is skipped, and small shards are put
together once there are many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ray_jobs.contract.dataset import ImageState, ShardRef, Split
from tasks.entries import Entry
from tasks.layout import AT_LEAST, shard_count

Shards = Mapping[Split, tuple[ShardRef, ...]]


@dataclass(frozen=True)
class Base:
    """The shards of an earlier version, and which of its images lies where.

    Attributes:
      shards: of each split.
      shard_of: (split, sha256) -> key.
    """

    shards: Shards = field(default_factory=dict[Split, tuple[ShardRef, ...]])
    shard_of: Mapping[tuple[Split, str], str] = field(default_factory=dict[tuple[Split, str], str])

    @classmethod
    def of(cls, shards: Shards, entries: Sequence[Entry]) -> Base:
        """The base that a version is, given its entries."""
        shard_of = {
            (entry.split, entry.content.sha256): entry.shard
            for entry in entries
            if entry.state is ImageState.KEPT and entry.split and entry.shard
        }
        return cls(shards, shard_of)


@dataclass(frozen=True)
class Reuse:
    """What a split takes over, and what is left to write.

    Attributes:
      shards: with the records that count now.
      shard_of: sha256 -> key, of what lies in them.
      fresh: the images to write, and into how many shards.
    """

    shards: list[ShardRef]
    shard_of: dict[str, str]
    fresh: list[Entry]
    count: int


def plan_split(kept: Sequence[Entry], split: Split, base: Base) -> Reuse:
    """What of a base serves the images of a split.

    Args:
      kept: the images of the split.
      split: which one.
      base: the version before, or an empty one.
    """
    held = {e.content.sha256: base.shard_of.get((split, e.content.sha256)) for e in kept}
    records = Counter(key for key in held.values() if key)
    ideal = shard_count(kept, split)
    worth = [ref for ref in base.shards.get(split, ()) if 2 * records[ref.key] >= ref.stored]
    small = {ref.key for ref in worth if 2 * records[ref.key] * ideal < len(kept)}
    if len(small) >= AT_LEAST[split] and not all(held.values()):
        worth = [ref for ref in worth if ref.key not in small]
    serving = {ref.key for ref in worth}
    shard_of = {sha256: key for sha256, key in held.items() if key in serving}
    fresh = [entry for entry in kept if entry.content.sha256 not in shard_of]
    return Reuse(
        shards=[ref.model_copy(update={"records": records[ref.key]}) for ref in worth],
        shard_of=shard_of,
        fresh=fresh,
        count=math.ceil(ideal * len(fresh) / len(kept)) if kept else 0,
    )
