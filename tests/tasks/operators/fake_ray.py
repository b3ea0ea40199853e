"""A Ray dashboard without Ray: jobs that move as a script says, over httpx's own edge.

`FakeRay` is what the Jobs API of Ray 2.60 showed itself to be (`tests/e2e/test_jobs_api.py` holds
the real one to the same); it knows nothing of the code under test.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httpx

from tasks.operators.jobs_api import JobsApi

ADDRESS = "http://ray:8265"
TOKEN = "open-sesame-8265"
Hook = Callable[[], Any]


@dataclass
class FakeJob:
    """A job: each look at it moves it one step along `script`; the last step stays."""

    script: list[str]
    node_id: str | None = "node-1"
    message: str = ""
    error_type: str | None = None
    exit_code: int | None = None
    start_ms: int | None = None
    entrypoint: str = ""
    looks_to_stop: int = 0
    log: list[bytes] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.script[0]

    def move(self) -> None:
        if len(self.script) > 1:
            self.script.pop(0)


class FakeRay:
    """The dashboard.

    `token`: what it asks for; None for anybody. `away`: nothing answers. `hooks`: called once, as
    soon as a request of (method, path) comes. `log_cuts`: after so many bytes each read of a log
    breaks, in turn; None reads to the end. `log_chunk_s`: how long each chunk of a log takes.
    """

    def __init__(self, token: str | None = TOKEN) -> None:
        self.jobs: dict[str, FakeJob] = {}
        self.token = token
        self.away = False
        self.requests: list[httpx.Request] = []
        self.hooks: dict[tuple[str, str], Hook] = {}
        self.answers: dict[tuple[str, str], list[httpx.Response]] = {}
        self.log_cuts: list[int | None] = []
        self.log_chunk_s = 0.0
        self.logs_at_once = 100
        self.logs_open = 0
        self.most_logs_open = 0

    def add(self, submission_id: str, *script: str, **said: Any) -> FakeJob:
        self.jobs[submission_id] = FakeJob(list(script or ("RUNNING",)), **said)
        return self.jobs[submission_id]

    def asked(self, method: str, path: str = "") -> list[httpx.Request]:
        """The requests so far whose path starts so."""
        return [
            one
            for one in self.requests
            if one.method == method and one.url.path.startswith(path or "/")
        ]

    @property
    def submitted(self) -> list[str]:
        """The ids that were asked for by POST, in order."""
        posts = (one for one in self.asked("POST") if one.url.path == "/api/jobs/")
        return [json.loads(one.content)["submission_id"] for one in posts]

    @property
    def stops(self) -> list[str]:
        """The ids that were asked to stop, in order."""
        return [
            one.url.path.split("/")[3]
            for one in self.asked("POST")
            if one.url.path.endswith("/stop")
        ]

    @property
    def alive(self) -> list[str]:
        return [name for name, job in self.jobs.items() if job.status in {"PENDING", "RUNNING"}]

    def api(self, token: str | None = TOKEN) -> JobsApi:
        """A client of its own, for tests that need no Airflow."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.MockTransport(self.handle)
        return JobsApi(httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers))

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        key = request.method, request.url.path
        if (hook := self.hooks.pop(key, None)) is not None and inspect.isawaitable(done := hook()):
            await done
        if self.away:
            raise httpx.ConnectError("connection refused", request=request)
        if queued := self.answers.get(key):
            return queued.pop(0)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(HTTPStatus.UNAUTHORIZED, text="Unauthorized: wrong token")
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = [unquote(part) for part in request.url.path.strip("/").split("/")]
        match request.method, parts:
            case "GET", ["api", "version"]:
                return httpx.Response(200, json={"ray_version": "2.60.0"})
            case "GET", ["api", "jobs"]:
                # A driver that nobody submitted has no submission id.
                bodies = [self._look(name) for name in self.jobs]
                return httpx.Response(200, json=[*bodies, {"type": "DRIVER", "status": "RUNNING"}])
            case "GET", ["api", "jobs", name]:
                if name not in self.jobs:
                    return httpx.Response(404, text=f"Job {name} does not exist")
                return httpx.Response(200, json=self._look(name))
            case "POST", ["api", "jobs"]:
                return self._submit(json.loads(request.content))
            case "POST", ["api", "jobs", name, "stop"]:
                return self._stop(name)
            case "GET", ["api", "v0", "logs", "file"]:
                return self._log(request.url.params)
            case _:
                return httpx.Response(404, text="no such route")

    def _look(self, name: str) -> dict[str, Any]:
        job = self.jobs[name]
        body = {
            "submission_id": name,
            "status": job.status,
            "message": job.message,
            "error_type": job.error_type,
            "driver_exit_code": job.exit_code,
            "driver_node_id": job.node_id,
            "start_time": job.start_ms,
            "entrypoint": job.entrypoint,
        }
        job.move()
        return body

    def _submit(self, body: dict[str, Any]) -> httpx.Response:
        name = body["submission_id"]
        if name in self.jobs:
            text = f"Traceback (most recent call last):\nValueError: Job {name} already exists"
            return httpx.Response(500, text=text)
        self.add(name, "PENDING", "RUNNING").entrypoint = body["entrypoint"]
        return httpx.Response(200, json={"submission_id": name})

    def _stop(self, name: str) -> httpx.Response:
        if name not in self.jobs:
            return httpx.Response(404, text=f"Job {name} does not exist")
        job = self.jobs[name]
        alive = job.status in {"PENDING", "RUNNING"}
        if alive:
            job.script = ["RUNNING"] * job.looks_to_stop + ["STOPPED"]
        return httpx.Response(200, json={"stopped": alive})

    def _log(self, query: httpx.QueryParams) -> httpx.Response:
        if self.logs_open >= self.logs_at_once:
            return httpx.Response(429, json={"msg": "Max number of in-progress requests reached"})
        job = self.jobs[query["submission_id"]]
        cut = self.log_cuts.pop(0) if self.log_cuts else None
        return httpx.Response(200, stream=_LogStream(self, job, cut))


@dataclass
class _LogStream(httpx.AsyncByteStream):
    ray: FakeRay
    job: FakeJob
    cut: int | None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.ray.logs_open += 1
        self.ray.most_logs_open = max(self.ray.most_logs_open, self.ray.logs_open)
        try:
            async for chunk in self._chunks():
                yield chunk
        finally:
            self.ray.logs_open -= 1

    async def _chunks(self) -> AsyncIterator[bytes]:
        left = self.cut
        for chunk in self.job.log:
            await asyncio.sleep(self.ray.log_chunk_s)
            yield chunk if left is None else chunk[:left]
            left = None if left is None else left - len(chunk)
            if left is not None and left <= 0:
                raise httpx.ReadError("connection reset by peer")


def body_of(request: httpx.Request) -> dict[str, Any]:
    """What a request carried."""
    return json.loads(request.content)


def lines(*texts: str) -> list[bytes]:
    """A log's chunks, one a line."""
    return [f"{text}\n".encode() for text in texts]


async def until(true: Callable[[], Any], within_s: float = 5.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.002)
