"""Which shards are whose."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.contract.errors import SpecError
from ray_jobs.training.data.share import batches_of, shards_of, share_of


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


def test_a_rank_takes_of_each_batch_what_it_has_of_the_records():
    # Rank 0 has 10 + 3 = 13 records, rank 1 has 4: of 4 images a step, 3 and 1. Rank 0 needs 5.
    whole = shards(10, 4, 3)
    first, second = (share_of(rank, 2, whole, global_batch=4) for rank in (0, 1))
    assert (first.records, first.batch, first.steps) == (13, 3, 5)
    assert (second.records, second.batch, second.steps) == (4, 1, 5)


def test_three_and_ten_workers_take_the_steps_of_one_on_sixteen_equal_shards():
    whole = shards(*[111] * 16)
    assert batches_of(3, whole, global_batch=32) == [12, 10, 10]
    assert batches_of(10, whole, global_batch=32) == [4] * 6 + [2] * 4
    # 1776 images, 32 a step: 55 full steps and one of 16.
    steps = [share_of(0, world, whole, global_batch=32).steps for world in (1, 3, 10, 16)]
    assert steps == [56] * 4


@given(
    world=st.integers(1, 16),
    records=st.integers(1, 2000),
    larger=st.integers(0, 16),
    images_a_shard=st.integers(1, 8),
    chance=st.randoms(),
)
def test_any_number_of_workers_takes_the_steps_of_one_all_full_but_the_last(
    world: int, records: int, larger: int, images_a_shard: int, chance: Random
):
    # As an ingest deals them: sixteen shards that differ by one record.
    counts = [records + 1] * larger + [records] * (16 - larger)
    chance.shuffle(counts)
    whole, batch = shards(*counts), 16 * images_a_shard
    shares = [share_of(r, world, whole, global_batch=batch) for r in range(world)]
    alone = share_of(0, 1, whole, global_batch=batch)
    assert sum(share.batch for share in shares) == batch
    assert {share.steps for share in shares} == {alone.steps}
    assert min(share.records // share.batch for share in shares) >= alone.steps - 1


@given(
    counts=st.lists(st.integers(0, 300), min_size=1, max_size=40),
    world=st.integers(1, 20),
    more=st.integers(1, 100),
)
def test_whatever_the_shards_the_steps_have_a_bound(counts: list[int], world: int, more: int):
    whole, batch = shards(*counts), world + more
    shares = [share_of(r, world, whole, global_batch=batch) for r in range(world)]
    assert sum(share.batch for share in shares) == batch
    assert min(share.batch for share in shares) >= 1
    assert {share.steps for share in shares} == {shares[0].steps}
    assert all(share.batch * share.steps >= share.records for share in shares)
    assert shares[0].steps <= -(-sum(counts) // more)


def test_a_rank_may_have_no_shard_and_still_takes_every_step():
    third = share_of(2, 3, shards(4, 4), global_batch=3)
    assert (third.shards, third.records, third.steps) == ((), 0, 4)


def test_fewer_images_a_step_than_workers_are_refused():
    with pytest.raises(SpecError, match=r"batch_size is 2 for 3 workers; expected at least one"):
        share_of(0, 3, shards(4), global_batch=2)
