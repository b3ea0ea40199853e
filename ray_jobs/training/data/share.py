"""Which shards are whose: each worker reads its own, and all take the same number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.contract.errors import SpecError


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


def share_of(rank: int, world: int, shards: Sequence[ShardRef], *, global_batch: int) -> Share:
    """One rank's part of a split, and the steps that every rank takes.

    The batches of all ranks make up the global one: they differ by an image at most.

    Raises:
      SpecError: the global batch is smaller than the number of workers.
    """
    if global_batch < world:
        raise SpecError(
            f"batch_size is {global_batch} for {world} workers",
            "at least one image a worker",
            f"Pass --set batch_size={world} or fewer --workers",
        )
    batches = [len(range(r, global_batch, world)) for r in range(world)]
    counts = [sum(s.records for s in shards_of(r, world, shards)) for r in range(world)]
    steps = max(-(-count // batch) for count, batch in zip(counts, batches, strict=True))
    return Share(shards_of(rank, world, shards), counts[rank], batches[rank], steps)
