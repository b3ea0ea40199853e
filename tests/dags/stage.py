"""Runs one step of a DAG as Airflow would: its form, its XComs, its context; stores in memory."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG
from airflow.sdk.execution_time.context import set_current_context

import dags
from dags.shared import DATASET
from tests.serving import Request
from tests.tasks.clock import NOON


class TaskInstance:
    """The XComs of a run, as one of its tasks sees them."""

    def __init__(
        self,
        task_id: str,
        xcoms: dict[tuple[str, str], Any],
        active: Sequence[str],
        try_number: int,
    ) -> None:
        self.id = self.task_id = task_id
        self.xcoms = xcoms
        self.active = active
        self.try_number = try_number

    def get_dr_count(self, *, dag_id: str, states: list[str]) -> int:
        return self.active.count(dag_id)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))


@dataclass
class Stage:
    """One DAG run: what it was triggered with, and what its steps have left so far.

    `user` triggered it; `active` names the DAGs of the other runs that are queued or running.
    """

    dag: DAG
    conf: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    run_id: str = "manual__2026-01-02"
    run_after: datetime = NOON
    run_type: str = "manual"
    user: str | None = None
    active: Sequence[str] = ()
    try_number: int = 1
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)

    def context(self, task_id: str) -> dict[str, Any]:
        params = self.dag.params.dump()
        return {
            "dag": self.dag,
            "params": params | {key: self.conf[key] for key in self.conf if key in params},
            "dag_run": SimpleNamespace(
                conf=self.conf,
                run_id=self.run_id,
                run_after=self.run_after,
                run_type=self.run_type,
                triggering_user_name=self.user,
            ),
            "run_id": self.run_id,
            "ti": (ti := TaskInstance(task_id, self.xcoms, self.active, self.try_number)),
            "task_instance": ti,
            "triggering_asset_events": {DATASET: self.events} if self.events else {},
        }

    def run(self, task_id: str) -> Any:
        """What the task's own function returns; kept as its XCom."""
        return self._keep(task_id, lambda _: self.dag.get_task(task_id).python_callable())

    def call(self, task_id: str, method: str, **kwargs: Any) -> Any:
        """What a method of the task's operator returns; kept as its XCom."""
        operator = copy.copy(self.dag.get_task(task_id))
        function = inspect.unwrap(getattr(type(operator), method), stop=_is_ours)
        return self._keep(task_id, lambda context: function(operator, context, **kwargs))

    def _keep(self, task_id: str, function: Callable[[dict[str, Any]], Any]) -> Any:
        context = self.context(task_id)
        with set_current_context(context):
            result = function(context)
        self.xcoms[task_id, "return_value"] = result
        return result


def _is_ours(function: Any) -> bool:
    """Past Airflow's own wrapper, which lets `execute` be called by a task's process alone."""
    return function.__code__.co_filename.startswith(str(Path(dags.__file__).parent))


def event(at: datetime, **extra: str) -> SimpleNamespace:
    return SimpleNamespace(timestamp=at, extra=extra)


def dashboard(request: Request) -> tuple[int, Any]:
    """A Ray dashboard of two CPUs."""
    if request.path == "/api/v0/nodes":
        node = {"node_id": "4f", "state": "ALIVE", "resources_total": {"CPU": 2.0}}
        return 200, {"data": {"result": {"result": [node]}}}
    report = {"autoscalerReport": {"nodeTypeMapping": {"4f": "node_4f"}}}
    return 200, {"data": {"clusterStatus": report}}
