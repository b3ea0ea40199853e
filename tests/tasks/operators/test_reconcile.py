"""The net under every kill: which jobs a sweep stops, which records it drops."""

from __future__ import annotations

import pytest

from tasks.operators.errors import RayUnreachableError
from tasks.operators.ownership import Claim, Record
from tasks.operators.reconcile import Swept, sweep
from tasks.ownership import StoredOwnership
from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_airflow import claim, records
from tests.tasks.operators.fake_ray import FakeRay

MINE = claim(1)
ENDED = ["failed", "success", "skipped", "upstream_failed", "removed"]
GOING_ON = ["none", "scheduled", "queued", "running", "deferred", "up_for_retry", "restarting"]
ALIVE = ["PENDING", "RUNNING"]
GONE = ["SUCCEEDED", "FAILED", "STOPPED", None]  # None: the cluster does not know the job


async def swept(ray: FakeRay, state: str | None) -> Swept:
    def state_of(_: Claim) -> str:
        assert state is not None, "nobody needs to ask"
        return state

    return await sweep(ray.api(), records(), state_of)


def told(what: str) -> Swept:
    return Swept(**{name: ("a-1",) if name == what else () for name in Swept.__annotations__})


def start(ray: FakeRay, status: str | None) -> None:
    if status is not None:
        ray.add("a-1", status, looks_to_stop=2)


@pytest.mark.parametrize("status", [*ALIVE, *GONE])
@pytest.mark.parametrize("state", GOING_ON)
async def test_what_a_task_still_wants_is_kept(
    ray: FakeRay, store: InMemoryStore, state: str, status: str | None
):
    records().claim("a-1", MINE)
    start(ray, status)
    assert await swept(ray, state) == told("kept")
    assert ray.stops == []
    assert list(records().records()) == [Record("a-1", MINE)]


@pytest.mark.parametrize("status", ALIVE)
@pytest.mark.parametrize("state", ENDED)
async def test_the_job_of_a_task_that_has_ended_is_stopped_to_the_end(
    ray: FakeRay, store: InMemoryStore, state: str, status: str
):
    records().claim("a-1", MINE)
    start(ray, status)
    assert await swept(ray, state) == told("stopped")
    assert ray.alive == []
    assert not store.objects


@pytest.mark.parametrize("status", GONE)
@pytest.mark.parametrize("state", ENDED)
async def test_the_record_of_a_job_that_is_gone_is_dropped(
    ray: FakeRay, store: InMemoryStore, state: str, status: str | None
):
    records().claim("a-1", MINE)
    start(ray, status)
    assert await swept(ray, state) == told("forgotten")
    assert ray.stops == []
    assert not store.objects


@pytest.mark.parametrize("status", ALIVE)
async def test_a_stop_that_was_cut_short_is_finished_whatever_the_task_does_now(
    ray: FakeRay, store: InMemoryStore, status: str
):
    records().resign("a-1", MINE)
    start(ray, status)
    assert await swept(ray, None) == told("stopped")
    assert ray.alive == []
    assert not store.objects


@pytest.mark.parametrize("status", GONE)
async def test_a_stop_that_was_finished_but_not_written_down_is_forgotten(
    ray: FakeRay, store: InMemoryStore, status: str | None
):
    records().resign("a-1", MINE)
    start(ray, status)
    assert await swept(ray, None) == told("forgotten")
    assert not store.objects


async def test_a_job_that_a_new_try_takes_over_during_the_sweep_is_kept(
    ray: FakeRay, store: InMemoryStore
):
    records().claim("a-1", MINE)
    ray.add("a-1")

    def state_of(_: Claim) -> str:
        StoredOwnership(store).claim("a-1", claim(2))
        return "failed"

    assert await sweep(ray.api(), records(), state_of) == told("kept")
    assert ray.alive == ["a-1"]


async def test_a_job_without_a_record_is_not_ours(ray: FakeRay, store: InMemoryStore):
    ray.add("somebody-elses")
    records().claim("a-1", MINE)
    await swept(ray, "failed")
    assert ray.alive == ["somebody-elses"]


async def test_only_what_concerns_is_looked_at(ray: FakeRay, store: InMemoryStore):
    records().claim("a-1", MINE)
    records().claim("b-1", claim(1, run_id="run-2"))
    for name in ("a-1", "b-1"):
        ray.add(name)
    asked: list[str] = []

    def state_of(one: Claim) -> str:
        asked.append(one.run_id)
        return "failed"

    def concerns(record: Record) -> bool:
        return record.owner.run_id == "run-1"

    assert await sweep(ray.api(), records(), state_of, concerns=concerns) == told("stopped")
    assert asked == ["run-1"]
    assert ray.alive == ["b-1"]


async def test_where_there_is_nothing_to_do_ray_is_not_asked(ray: FakeRay, store: InMemoryStore):
    assert await swept(ray, None) == Swept((), (), ())
    assert ray.requests == []


async def test_a_ray_that_is_away_drops_no_record(ray: FakeRay, store: InMemoryStore):
    records().claim("a-1", MINE)
    ray.away = True
    with pytest.raises(RayUnreachableError, match="does not answer"):
        await swept(ray, "failed")
    assert list(records().records()) == [Record("a-1", MINE)]
