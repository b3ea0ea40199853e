"""Ray's Jobs API over HTTP: the only module that knows its shapes (Ray 2.60).

Status comes from here and from here alone; a log that ends says nothing about the job.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from tasks.operators.errors import RayApiError, RayRefusedError, RayUnreachableError

Shape = TypeVar("Shape")


class JobStatus(StrEnum):
    """The states of a Ray job."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """Whether the job will not move any more."""
        return self not in {JobStatus.PENDING, JobStatus.RUNNING}


@dataclass(frozen=True)
class Job:
    """What the dashboard says of one job; times are Unix milliseconds.

    `node_id` is where its driver runs; None until it does.
    """

    submission_id: str
    status: JobStatus
    message: str = ""
    error_type: str | None = None
    exit_code: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    node_id: str | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read one object of `GET /api/jobs/`."""
        return cls(
            submission_id=body["submission_id"],
            status=JobStatus(body["status"]),
            message=body.get("message") or "",
            error_type=body.get("error_type"),
            exit_code=body.get("driver_exit_code"),
            start_ms=body.get("start_time"),
            end_ms=body.get("end_time"),
            node_id=body.get("driver_node_id"),
        )


@dataclass(frozen=True)
class JobRequest:
    """What to run: a constant argument vector; parameters travel in the file that it names.

    `env_vars` are for names only (a profile, say): Ray shows them to whoever may list jobs.
    """

    entrypoint: Sequence[str]
    env_vars: Mapping[str, str] = field(default_factory=dict[str, str])
    num_cpus: float | None = None

    def to_json(self, submission_id: str) -> dict[str, Any]:
        """The body of `POST /api/jobs/`. Ray hands `entrypoint` to a shell, hence the quoting."""
        body: dict[str, Any] = {
            "submission_id": submission_id,
            "entrypoint": shlex.join(self.entrypoint),
            "runtime_env": {"env_vars": dict(self.env_vars)} if self.env_vars else {},
        }
        if self.num_cpus is not None:
            body["entrypoint_num_cpus"] = self.num_cpus
        return body


class JobsApi:
    """The calls, over an `httpx.AsyncClient` that carries address, token and TLS settings."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def list(self) -> list[Job]:
        """Every submitted job that the cluster remembers."""
        answer = await self._call("GET", "/api/jobs/")
        return _read(answer, _submitted)

    async def find(self, submission_id: str) -> Job | None:
        """One job, or None where the cluster does not know it."""
        answer = await self._call(
            "GET", f"/api/jobs/{quote(submission_id, safe='')}", missing_ok=True
        )
        return None if answer.status_code == HTTPStatus.NOT_FOUND else _read(answer, Job.from_json)

    async def submit(self, submission_id: str, request: JobRequest) -> None:
        """Start a job; one that is there under this id already counts as started."""
        try:
            await self._call("POST", "/api/jobs/", json=request.to_json(submission_id))
        except RayApiError:
            # A used id is an HTTP 500 with a traceback that says "already exists"; a lost answer
            # is a time-out. Both are settled by looking.
            if await self.find(submission_id) is None:
                raise

    async def stop(self, submission_id: str) -> None:
        """Ask a job to stop; it is gone when its status says so. Unknown is stopped."""
        await self._call("POST", f"/api/jobs/{quote(submission_id, safe='')}/stop", missing_ok=True)

    async def read_log(
        self, submission_id: str, node_id: str, *, ended: bool
    ) -> AsyncIterator[str]:
        """The lines that the job's driver has printed by now, from the first one on.

        Ray 2.60 can follow a log, too (`/api/v0/logs/stream`), but goes on for ever, even when its
        reader has gone: a hundred such readers, and it answers no more about logs, nodes or actors.

        Args:
          submission_id: the job.
          node_id: where its driver runs.
          ended: the job has ended, so that a last line without its end is one.

        Raises:
          RayApiError: there is no such log, the connection is lost, or Ray has as many requests of
            this kind as it takes (100 by default).
        """
        query = {"submission_id": submission_id, "node_id": node_id, "lines": "-1"}
        query["filter_ansi_code"] = "true"  # a task's log is no terminal
        rest = ""
        try:
            async with self._client.stream("GET", "/api/v0/logs/file", params=query) as answer:
                await self._check(answer)
                async for chunk in answer.aiter_text():
                    *lines, rest = (rest + chunk).split("\n")
                    for line in lines:
                        yield line
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if rest and ended:
            yield rest

    async def version(self) -> str:
        """The version of Ray that answers."""
        return _read(await self._call("GET", "/api/version"), lambda body: str(body["ray_version"]))

    async def _call(
        self, method: str, path: str, *, json: object = None, missing_ok: bool = False
    ) -> httpx.Response:
        try:
            answer = await self._client.request(method, path, json=json)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if answer.status_code == HTTPStatus.NOT_FOUND and missing_ok:
            return answer
        await self._check(answer)
        return answer

    async def _check(self, answer: httpx.Response) -> None:
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise RayRefusedError(f"Ray's dashboard at {self._client.base_url} refuses the token")
        if not answer.is_success:
            await answer.aread()
            last_line = (answer.text.strip().splitlines() or [""])[-1]
            retriable = answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            kind = RayUnreachableError if retriable else RayApiError
            request = answer.request
            raise kind(
                f"{request.method} {request.url.path}: HTTP {answer.status_code}: {last_line}"
            )

    def _unreachable(self, error: httpx.TransportError) -> RayUnreachableError:
        return RayUnreachableError(
            f"Ray's dashboard at {self._client.base_url} does not answer: {error!r}"
        )


def _submitted(body: list[Mapping[str, Any]]) -> list[Job]:
    """The jobs of a list; a driver that nobody submitted has no submission id."""
    return [Job.from_json(item) for item in body if item.get("submission_id")]


def _read(answer: httpx.Response, shape: Callable[[Any], Shape]) -> Shape:
    """What an answer holds. A proxy's own page, say, is no answer of Ray's: it may pass."""
    try:
        return shape(answer.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RayUnreachableError(
            f"GET {answer.request.url.path}: no answer of Ray's Jobs API: {error!r}"
        ) from error
