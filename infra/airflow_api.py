"""Airflow's REST API, as far as the command line needs it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError, SpecError

ENDED = {"success", "failed"}
_OR_MISSING = {HTTPStatus.NOT_FOUND}
_QUEUED_RUN = HTTPStatus.INTERNAL_SERVER_ERROR
# Before a call whose transaction was given up is made again.
_LOCKED_WAITS_S = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class TaskState:
    """One task of a run; `state` is Airflow's own word, None before it is scheduled."""

    task_id: str
    state: str | None
    try_number: int
    start: datetime | None
    end: datetime | None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Read one task instance of the REST API."""
        return cls(
            task_id=body["task_id"],
            state=body["state"],
            try_number=body["try_number"],
            start=_instant(body["start_date"]),
            end=_instant(body["end_date"]),
        )


@dataclass(frozen=True)
class Pool:
    """A pool of slots; with `include_deferred`, a deferred task keeps its slot."""

    name: str
    slots: int
    description: str | None
    include_deferred: bool


class AirflowApi:
    """A logged-in client. Every path is one of `/api/v2`."""

    def __init__(self, url: str, login: tuple[str, str]) -> None:
        self.url = url.rstrip("/")
        self._login = login
        # The address is ours: a proxy of the environment has no say in it. A connection of its own
        # for each call: one that is kept may be closed by the server just as it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False, limits=limits)
        self._token: str | None = None

    def unhealthy_parts(self) -> list[str]:
        """Which of scheduler, triggerer, DAG processor and database do not answer."""
        body = self._call("GET", "/api/v2/monitor/health").json()
        return sorted(name for name, part in body.items() if part["status"] != "healthy")

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand and return its id. Raises SpecError where the form refuses."""
        # An id of ours, in Airflow's own words: a call that is made again starts no second run.
        run_id = f"manual__{datetime.now(UTC).isoformat()}_{secrets.token_hex(4)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body, ok={HTTPStatus.CONFLICT})
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The run's state: queued, running, success or failed."""
        return self._call("GET", _run(dag_id, run_id)).json()["state"]

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed: its tasks are ended, and they end their Ray jobs."""
        self._call("PATCH", _run(dag_id, run_id), {"state": "failed"})

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task of a run, as it stands."""
        body = self._call("GET", f"{_run(dag_id, run_id)}/taskInstances?limit=100").json()
        return [TaskState.from_json(item) for item in body["task_instances"]]

    def task_order(self, dag_id: str) -> list[str]:
        """The task ids of a DAG, upstream first."""
        tasks = self._call("GET", f"/api/v2/dags/{dag_id}/tasks").json()["tasks"]
        downstream = {task["task_id"]: task["downstream_task_ids"] for task in tasks}
        order: list[str] = []
        while downstream:
            free = sorted(set(downstream) - {t for ids in downstream.values() for t in ids})
            order += free
            for task_id in free:
                del downstream[task_id]
        return order

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:  # noqa: ANN401
        """What a task left under a key, or None."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{key}?deserialize=true"
        answer = self._call("GET", path, ok=_OR_MISSING)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else answer.json()["value"]

    def task_log(self, dag_id: str, run_id: str, task: TaskState) -> str:
        """A task's log of its last try, as newline-delimited JSON."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{task.task_id}/logs/{task.try_number}"
        headers = {"Accept": "application/x-ndjson"}
        return self._call("GET", f"{path}?full_content=true", headers=headers).text

    def runs_started_by(self, dag_id: str, run_id: str) -> list[str]:
        """The runs (of any DAG) that this run's asset events have started, so far.

        Airflow 3.3.2 answers 500 while such a run is queued (its response demands a start date):
        that, too, is "not yet". Drop this once it answers.
        """
        query = f"source_dag_id={quote(dag_id)}&source_run_id={quote(run_id, safe='')}"
        answer = self._call("GET", f"/api/v2/assets/events?{query}", ok={_QUEUED_RUN})
        if answer.status_code == _QUEUED_RUN:
            return []
        body = answer.json()
        return [run["run_id"] for event in body["asset_events"] for run in event["created_dagruns"]]

    def active_runs(self, dag_id: str) -> list[str]:
        """The runs of a DAG that are queued or running."""
        query = "state=queued&state=running"
        body = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{query}").json()
        return [run["dag_run_id"] for run in body["dag_runs"]]

    def variable(self, key: str) -> str | None:
        """An Airflow Variable's value, or None."""
        answer = self._call("GET", f"/api/v2/variables/{key}", ok=_OR_MISSING)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else answer.json()["value"]

    def set_variable(self, key: str, value: str | None) -> None:
        """Create or change an Airflow Variable; None removes it."""
        if value is None:
            self._call("DELETE", f"/api/v2/variables/{key}", ok=_OR_MISSING)
            return
        body = {"key": key, "value": value}
        changed = self._call("PATCH", f"/api/v2/variables/{key}", body, ok=_OR_MISSING)
        if changed.status_code == HTTPStatus.NOT_FOUND:
            self._call("POST", "/api/v2/variables", body)

    def pool(self, name: str) -> Pool | None:
        """A pool, or None."""
        answer = self._call("GET", f"/api/v2/pools/{name}", ok=_OR_MISSING)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        body = answer.json()
        return Pool(name, body["slots"], body["description"], body["include_deferred"])

    def add_pool(self, pool: Pool) -> None:
        """Create a pool; one that was created meanwhile stays."""
        self._call("POST", "/api/v2/pools", asdict(pool), ok={HTTPStatus.CONFLICT})

    def change_pool(self, pool: Pool) -> None:
        """Change a pool that is there."""
        body = asdict(pool)
        body["pool"] = body.pop("name")  # PATCH has a word of its own for it
        self._call("PATCH", f"/api/v2/pools/{pool.name}", body)

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG processor has brought this DAG in."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}", ok=_OR_MISSING)
        return answer.status_code == HTTPStatus.OK

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        ok: Container[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        answer = self._send(method, path, body, headers)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:  # the token has run out
            self._token = None
            answer = self._send(method, path, body, headers)
        for wait_s in _LOCKED_WAITS_S:
            if not _was_locked(answer):
                break
            time.sleep(wait_s)
            answer = self._send(method, path, body, headers)
        if answer.is_success or answer.status_code in ok:
            return answer
        raise _refusal(answer)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Any,  # noqa: ANN401
    ) -> httpx.Response:
        try:
            if self._token is None:
                self._token = self._log_in()
            auth = {"Authorization": f"Bearer {self._token}"}
            return self._http.request(method, path, json=body, headers=auth | dict(headers or {}))
        except httpx.TransportError as error:
            raise ClusterError(
                f"Airflow at {self.url} does not answer: {error!r}",
                "its API server up and reachable",
                "Run `sortline status`, then `sortline up`",
            ) from error

    def _log_in(self) -> str:
        user, password = self._login
        answer = self._http.post("/auth/token", json={"username": user, "password": password})
        if answer.status_code not in {HTTPStatus.CREATED, HTTPStatus.UNAUTHORIZED}:
            raise _refusal(answer)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise CredentialError(
                f"Airflow at {self.url} refuses the login of '{user}'",
                "the password it was started with",
                "Check airflow-passwords.json among the secrets of the home",
            )
        return answer.json()["access_token"]


def _was_locked(answer: httpx.Response) -> bool:
    """Whether Airflow's database gave the transaction up, and nothing of it was done.

    Airflow 3.3.2 notes who calls in its event loop: on SQLite that waits for a task's transaction,
    which waits for the event loop, until the call is given up after 5 s.
    """
    if answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
        return False
    detail = _detail(answer)
    if not isinstance(detail, dict):
        return False
    return cast("dict[str, object]", detail).get("reason") == "Database error"


def _detail(answer: httpx.Response) -> object:
    try:
        return answer.json().get("detail", answer.text)
    except ValueError:
        return answer.text


def _refusal(answer: httpx.Response) -> SortlineError:
    path = answer.request.url.path
    fact = f"Airflow answers {answer.status_code} to {path}: {_detail(answer)}"
    if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
        return SpecError(fact, "values that the DAG's form accepts", "Correct the value")
    return ClusterError(
        fact, "a healthy Airflow", "Look at airflow-api-server.log among the logs of the home"
    )


def _run(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
