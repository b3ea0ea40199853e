"""Which shards are whose."""

from __future__ import annotations

import pytest

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.contract.errors import SpecError
from ray_jobs.training.data.share import shards_of, share_of


def shards(*records: int) -> list[ShardRef]:
    return [
        ShardRef(key=f"k{n}", sha256=f"{n}", size_bytes=1, records=count, stored=count)
        for n, count in enumerate(records)
    ]


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_every_shard_goes_to_exactly_one_rank(world: int):
    whole = shards(*range(16))
    given = [shard for rank in range(world) for shard in shards_of(rank, world, whole)]
    assert sorted(given, key=lambda s: s.key) == sorted(whole, key=lambda s: s.key)


def test_all_ranks_take_the_steps_of_the_one_that_has_most():
    # Rank 0 has 10 + 3 = 13 records, rank 1 has 4; with 2 a step each, rank 0 needs 7 steps.
    whole = shards(10, 4, 3)
    first, second = (share_of(rank, 2, whole, global_batch=4) for rank in (0, 1))
    assert (first.records, first.batch, first.steps) == (13, 2, 7)
    assert (second.records, second.batch, second.steps) == (4, 2, 7)


def test_a_rank_may_have_no_shard_and_still_takes_every_step():
    third = share_of(2, 3, shards(4, 4), global_batch=3)
    assert (third.shards, third.records, third.steps) == ((), 0, 4)


@pytest.mark.parametrize("world", [1, 2, 3, 4, 5])
def test_the_batches_of_all_ranks_are_the_recipes(world: int):
    shares = [share_of(r, world, shards(*[10] * 16), global_batch=32) for r in range(world)]
    batches = [share.batch for share in shares]
    assert sum(batches) == 32
    assert max(batches) - min(batches) <= 1
    assert {share.steps for share in shares} == {shares[0].steps}
    assert all(share.batch * share.steps >= share.records for share in shares)


def test_fewer_images_a_step_than_workers_are_refused():
    with pytest.raises(SpecError, match=r"batch_size is 2 for 3 workers; expected at least one"):
        share_of(0, 3, shards(4), global_batch=2)
