"""A thousand waiting jobs in one event loop: `make bench-waiting [JOBS=1000] [INTERVAL_S=2]`.

One process holds `JOBS` runs of `RayJobTrigger` in one event loop, as a triggerer does; another
one is the Jobs API (`jobs_server.py`), with Ray's limit of 100 open logs. The jobs run for 20 to
80 s. Beside it, in the same call, the naive way: each trigger asks for its own job with a client of
its own, and reads no log at all. Each way has two processes of its own.

Required: poll lag (from a job's end to its event) under twice the interval.

Predicted before the first measurement:
- shared look: lag median 1.1 s (half an interval, and the log's rest), p99 2.2 s, maximum 2.5 s; a
  request every 2 s for the states, at most 18 a second for the logs of running jobs and two a job
  at its end: 50 a second while jobs end. The loop is held up by 40 ms while a look is read (0.7 MB
  of JSON, 1,000 wake-ups); 10% of a core; 150 MB.
- naive: 500 requests a second, about 1 ms each in httpx: half a core and more. Lag median 1.3 s,
  p99 2.7 s; the loop is held up by 20 ms, at the start (1,000 clients are made) by 1 s; 200 MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.bench.jobs_server import end_of
from tests.bench.record import keep

TOKEN = "bench-token"
TICK_S = 0.02
WAYS = ("shared", "naive")


def main() -> int:
    """Measure both ways, print the table, append a line to the results."""
    jobs = int(os.environ.get("JOBS", "1000"))
    interval_s = float(os.environ.get("INTERVAL_S", "2"))
    measured = {way: _measure(way, jobs, interval_s) for way in WAYS}
    _show(measured, interval_s)
    keep("waiting", {"jobs": jobs, "interval_s": interval_s} | measured)
    return 0


def _measure(way: str, jobs: int, interval_s: float) -> dict[str, Any]:
    with _server(jobs) as url:
        connection = {"conn_type": "ray", "host": url, "password": TOKEN}
        environment = os.environ | {"AIRFLOW_CONN_RAY_DEFAULT": json.dumps(connection)}
        call = [sys.executable, "-m", "tests.bench.waiting", way, url, str(jobs), str(interval_s)]
        done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def _server(jobs: int):
    call = [sys.executable, "-m", "tests.bench.jobs_server", "--jobs", str(jobs), "--token", TOKEN]
    server = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
    finally:
        server.terminate()
        server.wait()


# --- one way, in a process of its own


async def _wait_shared(number: int, interval_s: float) -> None:
    """What a triggerer runs."""
    from tasks.operators.trigger import RayJobTrigger

    trigger = RayJobTrigger(
        ray_conn_id="ray_default",
        submission_id=f"bench-{number}",
        poll_interval_s=interval_s,
        deadline=None,
        claim={},
        ownership="tasks.operators.ownership:NoOwnership",
    )
    async for event in trigger.run():
        assert event.payload["status"] == "SUCCEEDED"


async def _wait_naive(number: int, interval_s: float) -> None:
    """What a trigger would do that knows nothing of the others."""
    from tasks.operators.hook import RayHook

    async with RayHook().api() as api:
        while not (job := await api.find(f"bench-{number}")) or not job.status.is_terminal:
            await asyncio.sleep(interval_s)


WAIT: dict[str, Callable[[int, float], Awaitable[None]]] = {
    "shared": _wait_shared,
    "naive": _wait_naive,
}


async def _run(way: str, url: str, jobs: int, interval_s: float) -> dict[str, Any]:
    import tasks.operators.trigger  # noqa: F401 - its import is not what is measured

    async with httpx.AsyncClient(base_url=url) as server:
        started = (await server.post("/start")).json()["started"]
        cpu_before = time.process_time()
        async with _ticking() as held_up:
            lags = await asyncio.gather(
                *(_lag(WAIT[way], number, jobs, interval_s, started) for number in range(jobs))
            )
        wall, cpu = time.monotonic() - started, time.process_time() - cpu_before
        stats = (await server.get("/stats")).json()
    looks = stats["lists"]
    return {
        "poll_lag_s": _spread(lags),
        "look_gap_s": _spread([after - before for before, after in pairwise(looks)]),
        "loop_held_up_s": _spread(held_up),
        "requests": stats["requests"],
        "requests_per_s": round(sum(stats["requests"].values()) / wall, 1),
        "most_logs_open": stats["most_logs_open"],
        "cpu_share": round(cpu / wall, 3),
        "server_cpu_share": round(stats["cpu_s"] / wall, 3),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "wall_s": round(wall, 1),
    }


async def _lag(
    wait: Callable[[int, float], Awaitable[None]],
    number: int,
    jobs: int,
    interval_s: float,
    started: float,
) -> float:
    await wait(number, interval_s)
    return time.monotonic() - started - end_of(number, jobs)


@asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    """How much later than it wanted a task that sleeps 20 ms wakes up."""
    held_up: list[float] = []

    async def tick() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_S)
            held_up.append(time.monotonic() - before - TICK_S)

    ticker = asyncio.create_task(tick())
    try:
        yield held_up
    finally:
        ticker.cancel()


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    return {"median": round(median(ordered), 3), "p99": round(p99, 3), "max": round(ordered[-1], 3)}


# --- what is shown


def _show(measured: dict[str, dict[str, Any]], interval_s: float) -> None:
    print(f"{'':28}" + "".join(f"{way:>24}" for way in WAYS))
    for name, value in measured["shared"].items():
        row = [_cell(measured[way].get(name, value)) for way in WAYS]
        print(f"{name:28}" + "".join(f"{cell:>24}" for cell in row))
    worst = measured["shared"]["poll_lag_s"]["max"]
    print(f"poll lag at most {worst} s; required: under {2 * interval_s} s")
    ratio = measured["naive"]["requests_per_s"] / measured["shared"]["requests_per_s"]
    cpu = measured["naive"]["cpu_share"] / measured["shared"]["cpu_share"]
    print(f"the naive way: {ratio:.1f} times the requests, {cpu:.1f} times the CPU")


def _cell(value: Any) -> str:
    return " / ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        answer = asyncio.run(_run(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(answer))
