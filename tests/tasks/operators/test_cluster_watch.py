"""One look an interval for everybody who waits at a cluster."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from tasks.operators.errors import RayRefusedError, RayUnreachableError
from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_airflow import set_connection
from tests.tasks.operators.fake_ray import FakeRay, until

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

INTERVAL_S = 0.02


def watching(submission_id: str, conn_id: str = "ray_default", interval_s: float = INTERVAL_S):
    from tasks.operators.cluster_watch import waiting_for

    return waiting_for(conn_id, submission_id, interval_s)


def polls(ray: FakeRay) -> list[str]:
    return [one.url.path for one in ray.asked("GET", "/api/jobs/")]


async def enter(stack: AsyncExitStack, ray: FakeRay, count: int) -> list:
    names = [f"a-{n}" for n in range(count)]
    for name in names:
        ray.add(name)
    return [await stack.enter_async_context(watching(name)) for name in names]


async def test_many_who_wait_cost_one_request_an_interval(connected: FakeRay):
    async with AsyncExitStack() as stack:
        watches = await enter(stack, connected, 50)
        for _ in range(3):
            looks = await asyncio.gather(*(watch.next_look() for watch in watches))
            assert len(set(map(id, looks))) == 1
            assert len(looks[0].jobs) == 50
    assert polls(connected) == ["/api/jobs/"] * 3


async def test_a_few_are_asked_for_by_id_and_not_by_everything_that_ever_ran(connected: FakeRay):
    connected.add("of-last-year", "SUCCEEDED")
    async with AsyncExitStack() as stack:
        (first, _) = await enter(stack, connected, 2)
        look = await first.next_look()
    assert sorted(look.jobs) == ["a-0", "a-1"]
    assert sorted(polls(connected)) == ["/api/jobs/a-0", "/api/jobs/a-1"]


@pytest.mark.parametrize(("waiting", "listed"), [(9, False), (10, True)])
async def test_from_ten_on_all_jobs_are_asked_for_at_once(
    connected: FakeRay, waiting: int, listed: bool
):
    async with AsyncExitStack() as stack:
        watches = await enter(stack, connected, waiting)
        await watches[0].next_look()
    assert ("/api/jobs/" in polls(connected)) is listed


async def test_two_tasks_that_wait_for_one_job_ask_for_it_once(connected: FakeRay):
    connected.add("a-1")
    async with watching("a-1") as one:
        async with watching("a-1") as other:
            assert one is other
            await other.next_look()
            assert polls(connected) == ["/api/jobs/a-1"]
        await one.next_look()  # the first of them has left: the looks go on
    assert len(polls(connected)) == 2


async def test_who_comes_during_a_look_learns_from_it_that_it_was_not_asked_for(
    connected: FakeRay,
):
    connected.add("a-1")
    connected.add("a-2")
    entered, answer = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await answer.wait()

    connected.hooks["GET", "/api/jobs/a-1"] = hold
    async with watching("a-1"):
        await entered.wait()
        async with watching("a-2") as late:
            answer.set()
            first, second = await late.next_look(), await late.next_look()
    assert "a-2" not in first.asked
    assert "a-2" in second.asked
    assert "a-2" in second.jobs


async def test_an_unknown_job_was_asked_for_and_is_not_there(connected: FakeRay):
    async with watching("a-9") as watch:
        look = await watch.next_look()
    assert (look.asked, dict(look.jobs), look.error) == ({"a-9"}, {}, None)


async def test_an_outage_is_told_and_the_looks_go_on(connected: FakeRay):
    connected.add("a-1")
    connected.away = True
    async with watching("a-1") as watch:
        assert isinstance((await watch.next_look()).error, RayUnreachableError)
        connected.away = False
        await until_look(watch)


@pytest.mark.parametrize(
    "odd",
    [
        httpx.Response(200, text="<html>The site is being maintained</html>"),
        httpx.Response(200, json={"submission_id": "a-1", "status": "THAWING"}),
        httpx.Response(200, json={"detail": "no job in it"}),
    ],
    ids=["a proxy's page", "a state of tomorrow", "no job"],
)
async def test_an_answer_that_is_not_of_the_jobs_api_does_not_end_the_wait(
    connected: FakeRay, odd: httpx.Response
):
    connected.add("a-1")
    connected.answers["GET", "/api/jobs/a-1"] = [odd]
    async with watching("a-1") as watch:
        assert (await watch.next_look()).error is not None
        await until_look(watch)


async def test_a_refused_token_is_read_from_the_connection_again(
    connected: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    connected.add("a-1")
    connected.token = "tomorrow's"
    async with watching("a-1") as watch:
        assert isinstance((await watch.next_look()).error, RayRefusedError)
        set_connection(monkeypatch, "tomorrow's")
        look = await watch.next_look()
    assert look.error is None
    assert "a-1" in look.jobs


async def test_between_two_clients_there_is_none(
    connected: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    """A client that was closed must not be handed to whoever reads a log or stops a job."""
    connected.add("a-1")
    closed: list[bool] = []
    close = httpx.AsyncClient.aclose

    async def closing(client: httpx.AsyncClient) -> None:
        closed.append(watch.api is None)
        await close(client)

    monkeypatch.setattr(httpx.AsyncClient, "__aexit__", lambda client, *_: closing(client))
    async with watching("a-1") as watch:
        await watch.next_look()
        assert watch.api is not None
        connected.token = "tomorrow's"
        set_connection(monkeypatch, "tomorrow's")
        await until(lambda: closed)
        assert closed == [True]
        await until_look(watch)
        assert watch.api is not None


async def test_the_last_one_out_ends_the_looks(connected: FakeRay):
    connected.add("a-1")
    async with watching("a-1") as watch:
        await watch.next_look()
    seen = len(connected.requests)
    await asyncio.sleep(5 * INTERVAL_S)
    assert len(connected.requests) == seen
    async with watching("a-1") as another:
        assert another is not watch
        await until_look(another)


async def test_a_connection_that_is_missing_is_told_to_who_waits(connected: FakeRay):
    from airflow.sdk.exceptions import AirflowNotFoundException

    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(watching(f"a-{n}", "no_such_connection"))
            for n in range(3)
        ]
        for watch in watches:
            with pytest.raises(AirflowNotFoundException, match="no_such_connection"):
                await watch.next_look()
        late = await stack.enter_async_context(watching("a-late", "no_such_connection"))
        with pytest.raises(AirflowNotFoundException, match="no_such_connection"):
            await late.next_look()


async def test_clusters_and_intervals_are_watched_apart(
    connected: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_CONN_RAY_OTHER", "ray://:x@other:8265")
    connected.add("a-1")
    async with (
        watching("a-1") as one,
        watching("a-1", "ray_other") as other,
        watching("a-1", interval_s=0.5) as slow,
    ):
        assert len({id(one), id(other), id(slow)}) == 3


async def until_look(watch) -> None:
    """Wait for a look that saw the job."""
    async with asyncio.timeout(5):
        while "a-1" not in (await watch.next_look()).jobs:
            pass


def test_a_wait_in_another_event_loop_is_a_watch_of_its_own(
    connected: FakeRay, store: InMemoryStore
):
    connected.add("a-1")

    async def wait() -> None:
        async with watching("a-1") as watch:
            await until_look(watch)

    asyncio.run(wait())
    asyncio.run(wait())
