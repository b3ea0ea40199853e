"""Follow a DAG run to its end: what stands where, and why it failed if it did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.airflow_api import ENDED, AirflowApi, TaskState
from ray_jobs.contract.errors import ClusterError, SortlineError, from_wire
from ray_jobs.contract.run import Progress

POLL_S = 1.0
HEALTH_EVERY_S = 10.0
UNHEALTHY_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0


@dataclass(frozen=True)
class DagRun:
    """One run of one DAG."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class Snapshot:
    """A run as it stands: its tasks in the DAG's order, and a training's progress."""

    run: DagRun
    tasks: tuple[TaskState, ...] = ()
    progress: Progress | None = None


@dataclass
class HealthWatch:
    """Raises once a part of Airflow has been away for too long: the run would wait for ever."""

    api: AirflowApi
    clock: Callable[[], float] = time.monotonic
    _looked: float = field(default=float("-inf"))
    _bad_since: float | None = None

    def check(self) -> None:
        """Look, at most every `HEALTH_EVERY_S`. Raises ClusterError."""
        now = self.clock()
        if now - self._looked < HEALTH_EVERY_S:
            return
        self._looked = now
        bad = self.api.unhealthy_parts()
        self._bad_since = (self._bad_since or now) if bad else None
        if self._bad_since is not None and now - self._bad_since >= UNHEALTHY_LIMIT_S:
            raise airflow_down(bad)


def airflow_down(parts: Iterable[str]) -> ClusterError:
    """The error for parts of Airflow that do not answer."""
    names = ", ".join(parts)
    return ClusterError(
        f"Airflow's {names} does not answer",
        "scheduler, triggerer and DAG processor healthy",
        "Run `sortline up`, which starts what is missing",
    )


def follow(
    api: AirflowApi,
    run: DagRun,
    *,
    show: Callable[[Snapshot], None],
    progress: Callable[[], Progress | None] = lambda: None,
    logs: Path,
) -> Snapshot:
    """Wait for a run's end, showing each look at it.

    Args:
      api: Airflow.
      run: the run.
      show: called with every look.
      progress: where a training stands, if one does.
      logs: folder that takes the log of a task that failed through our own fault.

    Raises:
      SortlineError: the run failed; the error is the one that its task raised.
      ClusterError: Airflow went away.
    """
    order = api.task_order(run.dag_id)
    health = HealthWatch(api)
    with _ended_on_interrupt(api, run):
        while True:
            state = api.run_state(run.dag_id, run.run_id)
            tasks = sorted(api.tasks(run.dag_id, run.run_id), key=lambda t: order.index(t.task_id))
            waiting = {task.task_id for task in tasks if task.state == "deferred"}
            snapshot = Snapshot(run, tuple(tasks), progress() if "train" in waiting else None)
            show(snapshot)
            if state == "success":
                return snapshot
            if state in ENDED:
                raise failure_of(api, snapshot, logs)
            health.check()
            time.sleep(POLL_S)


def failure_of(api: AirflowApi, snapshot: Snapshot, logs: Path) -> SortlineError:
    """What a failed run's task raised; for a fault of ours, where its log was put."""
    run = snapshot.run
    failed = [task for task in snapshot.tasks if task.state == "failed"]
    if not failed:
        return ClusterError(
            f"run {run.run_id} of {run.dag_id} was ended from outside",
            "a run that goes to its end",
            "Trigger it again: it goes on where it was",
        )
    task = failed[0]
    told = from_wire(api.xcom(run.dag_id, run.run_id, task.task_id, "error") or "")
    if told is not None:
        return told
    path = logs / f"{run.dag_id}-{task.task_id}-{run.run_id}.log".replace(":", "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_readable(api.task_log(run.dag_id, run.run_id, task)))
    return SortlineError(
        f"task '{task.task_id}' of {run.dag_id} failed",
        "no fault of ours",
        f"Its traceback is in {path}; then clear the task in Airflow's UI",
    )


def _readable(ndjson: str) -> str:
    """A task's log as text: one event a line, tracebacks as Airflow keeps them."""
    lines: list[str] = []
    for line in ndjson.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        lines.append(f"{event.get('timestamp', '')} {event.get('event', '')}".strip())
        if event.get("error_detail"):
            lines.append(json.dumps(event["error_detail"], indent=1))
    return "\n".join(lines) + "\n"


@contextmanager
def _ended_on_interrupt(api: AirflowApi, run: DagRun) -> Generator[None]:
    """Whoever stops following a run that he started ends it, and with it its Ray job."""
    try:
        yield
    except (KeyboardInterrupt, ClusterError):
        end(api, run)
        raise


def end(api: AirflowApi, run: DagRun) -> None:
    """Mark a run failed and wait, `STOP_LIMIT_S` at most, until its tasks have ended."""
    if api.run_state(run.dag_id, run.run_id) in ENDED:
        return
    api.fail_run(run.dag_id, run.run_id)
    limit = time.monotonic() + STOP_LIMIT_S
    while time.monotonic() < limit:
        states = {task.state for task in api.tasks(run.dag_id, run.run_id)}
        if not states & {"running", "deferred", "queued", "restarting"}:
            return
        time.sleep(POLL_S)
