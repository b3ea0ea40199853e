"""A Jobs API for benchmarks, in a process of its own: `python -m tests.bench.jobs_server`.

Jobs `bench-0` to `bench-(N-1)` run from POST /start and end evenly spread between `FIRST_END_S` and
`LAST_END_S` after it; each prints a line every `LINE_EVERY_S`. As Ray does, it answers no more than
`STATE_REQUESTS_AT_ONCE` questions for logs at once: 429 for the next.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from typing import Any

from aiohttp import web

FIRST_END_S, LAST_END_S = 20.0, 80.0
LINE_EVERY_S = 5.0
STATE_REQUESTS_AT_ONCE = 100
LOG_TAKES_S = 0.02  # by way of the agent of the driver's node
NODE = "4f" * 28


def end_of(job: int, jobs: int) -> float:
    """When a job ends, in seconds after the start; neighbours in number are far apart in time."""
    place = job * 617 % jobs  # 617 is prime: a permutation for every number of jobs but its own
    return FIRST_END_S + (LAST_END_S - FIRST_END_S) * place / jobs


class Dashboard:
    """The state of the server and its routes."""

    def __init__(self, jobs: int, token: str) -> None:
        self.jobs = jobs
        self.token = token
        self.started = time.monotonic()
        self.cpu_before = time.process_time()
        self.requests: Counter[str] = Counter()
        self.lists: list[float] = []
        self.logs_open = 0
        self.most_logs_open = 0

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.count])
        app.add_routes(
            [
                web.post("/start", self.start),
                web.get("/stats", self.stats),
                web.get("/api/jobs/", self.list),
                web.get("/api/jobs/{id}", self.find),
                web.get("/api/v0/logs/file", self.file),
            ]
        )
        return app

    @web.middleware
    async def count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return web.Response(status=401)
            kind = "log" if request.path == "/api/v0/logs/file" else "find"
            self.requests["list" if request.path == "/api/jobs/" else kind] += 1
        return await handler(request)

    async def start(self, _: web.Request) -> web.Response:
        self.started = time.monotonic()
        self.cpu_before = time.process_time()
        self.requests.clear()
        return web.json_response({"started": self.started})

    async def stats(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "requests": dict(self.requests),
                "lists": self.lists,
                "most_logs_open": self.most_logs_open,
                "cpu_s": time.process_time() - self.cpu_before,
            }
        )

    def job(self, number: int) -> dict[str, Any]:
        """As long as an object of Ray's own list: some 700 bytes."""
        over = time.monotonic() - self.started >= end_of(number, self.jobs)
        return {
            "type": "SUBMISSION",
            "job_id": f"{number:08x}",
            "submission_id": f"bench-{number}",
            "driver_info": {"id": f"{number:08x}", "node_ip_address": "127.0.0.1", "pid": "1234"},
            "status": "SUCCEEDED" if over else "RUNNING",
            "entrypoint": f"python -m job --spec s3://bucket/runs/{number}/spec.json",
            "message": "Job finished successfully." if over else "Job is currently running.",
            "error_type": None,
            "start_time": 1_700_000_000_000,
            "end_time": 1_700_000_000_000 if over else None,
            "metadata": {},
            "runtime_env": {"env_vars": {"AWS_PROFILE": "train"}},
            "driver_agent_http_address": "http://127.0.0.1:52365",
            "driver_node_id": NODE,
            "driver_exit_code": 0 if over else None,
        }

    async def list(self, _: web.Request) -> web.Response:
        self.lists.append(time.monotonic())
        return web.json_response([self.job(number) for number in range(self.jobs)])

    async def find(self, request: web.Request) -> web.Response:
        return web.json_response(self.job(int(request.match_info["id"].removeprefix("bench-"))))

    def lines(self, request: web.Request) -> list[bytes]:
        """What the job has printed by now."""
        number = int(request.query["submission_id"].removeprefix("bench-"))
        ran = min(time.monotonic() - self.started, end_of(number, self.jobs))
        return [
            b"epoch %d: loss 0.123, accuracy 0.987, 123.4 images/s\n" % epoch
            for epoch in range(1, 1 + int(ran / LINE_EVERY_S))
        ]

    async def file(self, request: web.Request) -> web.StreamResponse:
        if self.logs_open >= STATE_REQUESTS_AT_ONCE:
            self.requests["429"] += 1
            return web.Response(status=429, text="Max number of in-progress requests reached")
        self.logs_open += 1
        self.most_logs_open = max(self.most_logs_open, self.logs_open)
        await asyncio.sleep(LOG_TAKES_S)
        self.logs_open -= 1
        return web.Response(body=b"".join(self.lines(request)))


async def serve(jobs: int, token: str) -> None:
    """Serve on a free port, and tell it on standard output."""
    runner = web.AppRunner(Dashboard(jobs, token).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--token", required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.jobs, given.token))
