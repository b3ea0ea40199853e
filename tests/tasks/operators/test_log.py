"""A job's log as it comes: whole lines, each exactly once, whatever breaks in between."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.operators.errors import RayRefusedError, RayUnreachableError
from tasks.operators.log_tail import LogTail
from tests.tasks.operators.fake_ray import FakeRay, lines, until


async def read(ray: FakeRay, *, ended: bool) -> list[str]:
    return [line async for line in ray.api().read_log("a-1", "node-1", ended=ended)]


async def follow_until(ray: FakeRay, count: int) -> list[str]:
    """What a tail has copied once it has so many lines, and a moment later."""
    seen: list[str] = []
    tail = asyncio.create_task(LogTail("a-1", seen.append).follow(ray.api, unlimited()))
    try:
        await until(lambda: len(seen) >= count)
        await asyncio.sleep(0.03)
    finally:
        tail.cancel()
    return seen


def unlimited() -> asyncio.Semaphore:
    return asyncio.Semaphore(1000)


async def test_a_whole_log_ends_with_its_last_line_even_if_it_is_not_ended(ray: FakeRay):
    ray.add("a-1", log=[b"one\ntw", b"o\nno newline"])
    assert await read(ray, ended=True) == ["one", "two", "no newline"]


async def test_a_character_may_be_cut_between_two_chunks(ray: FakeRay):
    ray.add("a-1", log=[b"gr\xc3", b"\xbcn\n"])
    assert await read(ray, ended=True) == ["grün"]


async def test_a_line_that_is_not_whole_is_kept_back_while_the_job_runs(ray: FakeRay):
    ray.add("a-1", log=[b"one\nepoch 2: accu"])
    assert await read(ray, ended=False) == ["one"]


async def test_a_connection_that_is_cut_is_told_after_the_whole_lines(ray: FakeRay):
    ray.add("a-1", log=[b"one\nepoch 2: accu"])
    ray.log_cuts = [len(b"one\nepo")]
    log = ray.api().read_log("a-1", "node-1", ended=True)
    assert await anext(log) == "one"
    with pytest.raises(RayUnreachableError, match="does not answer"):
        await anext(log)


async def test_a_log_is_read_where_the_driver_runs_from_its_first_line(ray: FakeRay):
    ray.add("a-1", node_id="node-7", log=lines("one"))
    await follow_until(ray, 1)
    request = ray.asked("GET", "/api/v0/logs")[0]
    query = request.url.params
    assert (query["node_id"], query["lines"]) == ("node-7", "-1")
    assert query["filter_ansi_code"] == "true"


async def test_no_request_stays_open(ray: FakeRay):
    """Ray 2.60 keeps `/api/v0/logs/stream` open for ever, even when its reader has gone."""
    ray.add("a-1", log=lines("one"))
    await follow_until(ray, 1)
    assert {one.url.path for one in ray.asked("GET", "/api/v0")} == {"/api/v0/logs/file"}


async def test_too_many_readers_are_told_to_come_back(ray: FakeRay):
    ray.add("a-1")
    ray.logs_at_once = 0
    with pytest.raises(RayUnreachableError, match="HTTP 429"):
        await read(ray, ended=False)


async def test_a_server_error_is_an_outage_and_a_refused_token_is_not(ray: FakeRay):
    ray.add("a-1")
    ray.answers["GET", "/api/v0/logs/file"] = [httpx.Response(500, text="Traceback\nboom")]
    with pytest.raises(RayUnreachableError, match="HTTP 500: boom"):
        await read(ray, ended=False)
    with pytest.raises(RayRefusedError, match="refuses the token"):
        await anext(ray.api(token="wrong").read_log("a-1", "node-1", ended=False))


async def test_a_job_whose_driver_has_no_node_yet_is_waited_for(ray: FakeRay):
    job = ray.add("a-1", "PENDING", node_id=None, log=lines("one"))
    seen: list[str] = []
    tail = asyncio.create_task(LogTail("a-1", seen.append).follow(ray.api, unlimited()))
    await until(lambda: len(ray.requests) >= 3)
    assert not ray.asked("GET", "/api/v0/logs")
    job.node_id = "node-1"
    await until(lambda: seen == ["one"])
    finds = len(ray.asked("GET", "/api/jobs/"))
    await until(lambda: len(ray.asked("GET", "/api/v0/logs")) >= 4)
    tail.cancel()
    assert len(ray.asked("GET", "/api/jobs/")) == finds  # where it runs is asked for once


async def test_a_cut_in_mid_line_loses_and_doubles_nothing(ray: FakeRay):
    ray.add("a-1", log=[b"one\ntwo\nthree\nfour\n"])
    ray.log_cuts = [len(b"one\ntw"), len(b"one\ntwo\nthree\nfo"), None]
    assert await follow_until(ray, 4) == ["one", "two", "three", "four"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 60), max_size=6), size=st.integers(1, 9))
async def test_every_line_comes_exactly_once_however_often_it_is_cut(cuts: list[int], size: int):
    ray, wanted = FakeRay(), [f"line {n} ü" for n in range(6)]
    text = "".join(f"{line}\n" for line in wanted).encode()
    ray.add("a-1", log=[text[at : at + size] for at in range(0, len(text), size)])
    ray.log_cuts = [*cuts, None]
    assert await follow_until(ray, len(wanted)) == wanted


async def test_lines_come_while_the_job_runs(ray: FakeRay):
    job = ray.add("a-1", log=lines("epoch 1"))
    seen: list[str] = []
    tail = asyncio.create_task(LogTail("a-1", seen.append).follow(ray.api, unlimited()))
    await until(lambda: seen == ["epoch 1"])
    job.log += lines("epoch 2")
    await until(lambda: seen == ["epoch 1", "epoch 2"])
    tail.cancel()


async def test_an_outage_and_a_429_are_waited_out(ray: FakeRay):
    ray.add("a-1", log=lines("one"))
    ray.away = True
    seen: list[str] = []
    tail = asyncio.create_task(LogTail("a-1", seen.append).follow(ray.api, unlimited()))
    await until(lambda: len(ray.requests) >= 2)
    ray.away, ray.logs_at_once = False, 0
    await until(lambda: len(ray.asked("GET", "/api/v0/logs")) >= 2)
    ray.logs_at_once = 100
    await until(lambda: seen == ["one"])
    tail.cancel()


async def test_no_client_yet_is_waited_out(ray: FakeRay):
    ray.add("a-1", log=lines("one"))
    clients = [None, None, ray.api()]
    seen: list[str] = []
    tail = asyncio.create_task(
        LogTail("a-1", seen.append).follow(
            lambda: clients.pop(0) if len(clients) > 1 else clients[0], unlimited()
        )
    )
    await until(lambda: seen == ["one"])
    tail.cancel()


async def test_the_end_of_a_log_is_caught_up_with_once(ray: FakeRay):
    job = ray.add("a-1", log=lines("one", "two"))
    seen: list[str] = []
    tail = LogTail("a-1", seen.append)
    follower = asyncio.create_task(tail.follow(ray.api, unlimited()))
    await until(lambda: len(seen) == 2)
    follower.cancel()
    job.log += [b"three\nfour\r\nfive"]
    await tail.catch_up(ray.api(), unlimited())
    await tail.catch_up(ray.api(), unlimited())
    assert seen == ["one", "two", "three", "four", "five"]


async def test_a_log_that_cannot_be_read_to_its_end_says_so(ray: FakeRay):
    ray.add("a-1", log=lines("one"))
    ray.away = True
    seen: list[str] = []
    await LogTail("a-1", seen.append).catch_up(ray.api(), unlimited())
    assert len(seen) == 1
    assert "the rest of the job's log cannot be read" in seen[0]


async def test_no_more_logs_are_read_at_once_than_there_is_room_for_and_each_has_its_turn(
    ray: FakeRay,
):
    """Ray answers 100 questions about logs, nodes and actors at once, and refuses the next."""
    ray.log_chunk_s = 0.01
    seen: list[str] = []
    for n in range(12):
        ray.add(f"a-{n}", log=lines(f"of {n}"))
    room = asyncio.Semaphore(2)
    tails = [
        asyncio.create_task(LogTail(name, seen.append).follow(ray.api, room)) for name in ray.jobs
    ]
    await until(lambda: len(seen) == 12)
    for tail in tails:
        tail.cancel()
    assert ray.most_logs_open == 2


async def test_however_many_logs_there_are_they_are_read_at_a_bounded_rate(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    """Two at once, 0.1 s each at least: in half a second 12 reads begin at most."""
    monkeypatch.setattr("tasks.operators.log_tail._REST_S", 0.1)
    for n in range(50):
        ray.add(f"a-{n}", log=lines("one"))
    room = asyncio.Semaphore(2)
    tails = [
        asyncio.create_task(LogTail(name, lambda _: None).follow(ray.api, room))
        for name in ray.jobs
    ]
    await asyncio.sleep(0.5)
    for tail in tails:
        tail.cancel()
    assert 1 <= len(ray.asked("GET", "/api/v0/logs")) <= 12


async def test_a_log_that_takes_long_to_read_is_read_more_rarely(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tasks.operators.log_tail._PAUSE_PER_READ", 20)
    ray.add("a-1", log=lines("one"))
    ray.log_chunk_s = 0.02
    tail = asyncio.create_task(LogTail("a-1", lambda _: None).follow(ray.api, unlimited()))
    await asyncio.sleep(0.3)
    tail.cancel()
    assert len(ray.asked("GET", "/api/v0/logs")) == 1


async def test_after_an_outage_a_log_is_read_again_without_delay(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    """What took long was no reading."""
    monkeypatch.setattr("tasks.operators.log_tail._PAUSE_PER_READ", 1000)
    ray.add("a-1", log=lines("one"))
    ray.away = True
    ray.hooks["GET", "/api/jobs/a-1"] = lambda: asyncio.sleep(0.05)
    seen: list[str] = []
    tail = asyncio.create_task(LogTail("a-1", seen.append).follow(ray.api, unlimited()))
    await until(lambda: len(ray.requests) >= 2)
    ray.away = False
    await until(lambda: seen == ["one"], within_s=30)
    tail.cancel()
