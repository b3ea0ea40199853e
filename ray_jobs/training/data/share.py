"""Which shards are whose: each worker reads its own, and all take the same number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.contract.run import check_batch


@dataclass(frozen=True)
class Share:
    """One worker's part of a split.

    `steps` is the same on every rank, so that no collective waits for one that has ended;
    `batch * steps >= records`, and the places left over are filled with weight 0.
    """

    shards: tuple[ShardRef, ...]
    records: int
    batch: int
    steps: int


def shards_of(rank: int, world: int, shards: Sequence[ShardRef]) -> tuple[ShardRef, ...]:
    """The shards of one rank, round-robin: each shard goes to exactly one."""
    return tuple(shards[rank::world])


def batches_of(world: int, shards: Sequence[ShardRef], *, global_batch: int) -> list[int]:
    """How many images of each global batch every rank takes: in proportion to its records.

    So that all ranks come to their end together, and a step has the global batch up to there. Each
    has one image at least; each further one goes to the rank that would be the last to end: Adams's
    method (Balinski and Young 1982, "Fair Representation"), than which no whole numbers end sooner.

    Where every shard has as many records and `global_batch` is a multiple of their number, an epoch
    has the steps of one worker alone; else at most records / (global_batch - world), rounded up.

    Raises:
      SpecError: the global batch is smaller than the number of workers.
    """
    check_batch(global_batch, world)
    counts, batches = _records(world, shards), [1] * world
    steps = [(-float(count), rank) for rank, count in enumerate(counts)]
    heapify(steps)
    for _ in range(global_batch - world):
        _, last = steps[0]
        batches[last] += 1
        heapreplace(steps, (-counts[last] / batches[last], last))
    return batches


def share_of(rank: int, world: int, shards: Sequence[ShardRef], *, global_batch: int) -> Share:
    """One rank's part of a split, and the steps that every rank takes.

    Raises:
      SpecError: as `batches_of`.
    """
    batches, counts = batches_of(world, shards, global_batch=global_batch), _records(world, shards)
    steps = max(-(-count // batch) for count, batch in zip(counts, batches, strict=True))
    return Share(shards_of(rank, world, shards), counts[rank], batches[rank], steps)


def _records(world: int, shards: Sequence[ShardRef]) -> list[int]:
    """The records of each rank."""
    return [sum(s.records for s in shards_of(rank, world, shards)) for rank in range(world)]
