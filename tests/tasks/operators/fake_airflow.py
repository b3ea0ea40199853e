"""Airflow's side of a trigger and of a task: what its supervisor answers, what a context holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.operators.ownership import Claim, Ownership
from tasks.ownership import StoredOwnership
from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_ray import ADDRESS

CONNECTION_ID = "ray_default"
RECORDS = f"{__name__}:records"


class Supervisor:
    """Answers for the state of tasks; `away` where the API server is down."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], str | None] = {}
        self.away = False
        self.questions: list[Any] = []

    def say(self, claim: Claim, state: str | None) -> None:
        """A task's state from now on; None where it was cleared."""
        key = claim.task_id if claim.map_index < 0 else f"{claim.task_id}_{claim.map_index}"
        self.states[claim.run_id, key] = state

    def send(self, msg: Any) -> Any:
        self.questions.append(msg)
        if self.away:
            raise ConnectionError("the API server does not answer")
        answer: dict[str, dict[str, str | None]] = {}
        for (run_id, key), state in self.states.items():
            if run_id in msg.run_ids and key.startswith(msg.task_ids[0]):
                answer.setdefault(run_id, {})[key] = state
        return SimpleNamespace(task_states=answer)


class Told:
    """The log of a test; `entries` as structlog keeps them."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._entries = entries

    @property
    def lines(self) -> list[str]:
        return [_line(entry) for entry in self._entries]

    @property
    def text(self) -> str:
        """Every line, and whatever else was logged with it."""
        return "\n".join([*self.lines, *map(repr, self._entries)])


def _line(entry: Mapping[str, Any]) -> str:
    arguments = entry.get("positional_args", ())
    return str(entry["event"]) % arguments if arguments else str(entry["event"])


class StateStore:
    """`task_state_store` of a context; `writes` in order."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str]] = []

    def set(self, key: str, value: str) -> None:
        self.writes.append((key, value))


class Bucket:
    """The store whose records `RECORDS` hands out: an operator names its factory by path."""

    store = InMemoryStore()


def records() -> Ownership:
    return StoredOwnership(Bucket.store)


def claim(try_number: int = 1, *, run_id: str = "run-1", **other: Any) -> Claim:
    """A try of the task `train`."""
    given = {"dag_id": "retrain", "run_id": run_id, "task_id": "train", "map_index": -1} | other
    return Claim(**given, try_number=try_number, try_id=f"{run_id}-try-{try_number}")


def context(of: Claim) -> dict[str, Any]:
    """What a task of this claim is executed with."""
    ti = SimpleNamespace(
        dag_id=of.dag_id,
        run_id=of.run_id,
        task_id=of.task_id,
        map_index=of.map_index,
        try_number=of.try_number,
        id=of.try_id,
    )
    return {"ti": ti, "task_instance": ti, "task_state_store": StateStore()}


def set_connection(monkeypatch: pytest.MonkeyPatch, token: str, **extra: object) -> None:
    """Define `ray_default` as a deployment would, by the environment."""
    said = {"conn_type": "ray", "host": ADDRESS, "password": token, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_RAY_DEFAULT", json.dumps(said))
