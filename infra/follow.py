"""Follow a DAG run to its end: what stands where, and why it failed if it did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
class Patience:
    """How long Airflow may be away, or one of its parts, before a wait for it is given up."""

    api: AirflowApi
    clock: Callable[[], float] = time.monotonic
    _looked: float = field(default=float("-inf"))
    _bad_since: float | None = None

    def check(self) -> None:
        """Look at the parts, at most every `HEALTH_EVERY_S`. Raises ClusterError."""
        if self.clock() - self._looked < HEALTH_EVERY_S:
            return
        self._looked = self.clock()
        bad = self.api.unhealthy_parts()
        if bad:
            self._count(airflow_down(bad))
        else:
            self._bad_since = None

    def lost(self, error: ClusterError) -> None:
        """Airflow did not answer: wait a moment, or raise the error if that lasts too long."""
        self._count(error)
        time.sleep(POLL_S)

    def _count(self, error: ClusterError) -> None:
        now = self.clock()
        self._bad_since = now if self._bad_since is None else self._bad_since
        if now - self._bad_since >= UNHEALTHY_LIMIT_S:
            raise error


def airflow_down(parts: Iterable[str]) -> ClusterError:
    """The error for parts of Airflow that do not answer."""
    names = ", ".join(parts)
    return ClusterError(
        f"Airflow's {names} does not answer",
        "scheduler, triggerer and DAG processor healthy",
        "Run `sortline up`, which starts what is missing",
    )


@contextmanager
def triggered(api: AirflowApi, dag_id: str, conf: Mapping[str, Any]) -> Generator[DagRun]:
    """A run of ours: triggered here, and ended with whatever ends the block by an exception.

    So Ctrl-C leaves nothing behind: the run's tasks are ended, and they end their Ray job.
    """
    run = DagRun(dag_id, api.trigger(dag_id, conf))
    with ended_with(api, run):
        yield run


@contextmanager
def ended_with(api: AirflowApi, run: DagRun) -> Generator[None]:
    """End the run if the block is interrupted, or gives Airflow up."""
    try:
        yield
    except (KeyboardInterrupt, ClusterError):
        end(api, run)
        raise


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
    order: list[str] = []
    patience = Patience(api)
    while True:
        try:
            order = order or api.task_order(run.dag_id)
            state = api.run_state(run.dag_id, run.run_id)
            tasks = sorted(api.tasks(run.dag_id, run.run_id), key=lambda t: order.index(t.task_id))
            patience.check()
        except ClusterError as error:
            patience.lost(error)
            continue
        waiting = {task.task_id for task in tasks if task.state == "deferred"}
        snapshot = Snapshot(run, tuple(tasks), progress() if "train" in waiting else None)
        show(snapshot)
        if state == "success":
            return snapshot
        if state in ENDED:
            raise failure_of(api, snapshot, logs)
        time.sleep(POLL_S)


def failure_of(api: AirflowApi, snapshot: Snapshot, logs: Path) -> SortlineError:
    """What a failed run's task raised; for a fault of ours, with the file that has its log."""
    run = snapshot.run
    failed = [task for task in snapshot.tasks if task.state == "failed"]
    if not failed:
        return ended_from_outside(run)
    task = failed[0]
    log = api.task_log(run.dag_id, run.run_id, task)
    told = from_wire(api.xcom(run.dag_id, run.run_id, task.task_id, "error") or "")
    if told is None and not _has_failed(log):
        return ended_from_outside(run)
    if told is not None and told.exit_code != SortlineError.exit_code:
        return told
    path = logs / f"{run.dag_id}-{task.task_id}-{run.run_id}.log".replace(":", "")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(_readable(log))
    return SortlineError(
        told.fact if told else f"task '{task.task_id}' of {run.dag_id} failed",
        told.expectation if told else "no fault of ours",
        f"Its log with the traceback is in {path}; once mended, run the same again",
    )


def ended_from_outside(run: DagRun) -> ClusterError:
    """The error for a run that somebody marked failed."""
    return ClusterError(
        f"run {run.run_id} of {run.dag_id} was ended from outside",
        "a run that goes to its end",
        "Trigger it again: it goes on where it was",
    )


def _has_failed(log: str) -> bool:
    """Whether a task's log tells of an exception; one that was marked failed has none."""
    return '"error_detail"' in log


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


def end(api: AirflowApi, run: DagRun) -> None:
    """Mark a run failed and wait, `STOP_LIMIT_S` at most, until its tasks have ended."""
    if api.run_state(run.dag_id, run.run_id) in ENDED:
        return
    api.fail_run(run.dag_id, run.run_id)
    limit = time.monotonic() + STOP_LIMIT_S
    while time.monotonic() < limit:
        states = {task.state for task in api.tasks(run.dag_id, run.run_id)}
        if not states & {"running", "deferred", "queued", "restarting", "awaiting_input"}:
            return
        time.sleep(POLL_S)
