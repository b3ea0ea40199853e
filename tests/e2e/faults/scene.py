"""A stack on which faults are done: orders, what is asked of Airflow, and what must not be left."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from infra.airflow_api import AirflowApi
from infra.local.generate import RAY_CONNECTION
from infra.local.home import write_private
from infra.local.stack import Stack
from infra.local.vault import Vault
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.errors import SortlineError, from_wire
from ray_jobs.contract.run import Progress
from ray_jobs.contract.training import TrainingResult
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import ObjectStore, find_document, read_document
from tests.e2e.faults.table import FaultTable, Row
from tests.e2e.faults.watch import RayJobs, Watch, until
from tests.e2e.local_stack import home_of

RETRAIN = "retrain_classifier"
RECONCILE = "reconcile_ray_jobs"
ENDED = {"success", "failed"}
# Time for what follows an end: the last task's process, a record that goes with its job.
_TIDY_LIMIT_S = 30


@dataclass(frozen=True)
class Outcome:
    """What a run came to, as far as it does not tell when or under what name."""

    verdict: str
    weights: str
    best_epoch: int
    losses: tuple[float, ...]

    @property
    def told(self) -> str:
        return f"{self.verdict}, best epoch {self.best_epoch}, weights sha256 {self.weights[:16]}"


@dataclass
class Scene:
    """One stack, and a data set on it.

    Args:
      dataset: its name; `version` None means the newest.
      undisturbed: what a whole run without a fault came to, and how long it took.
    """

    stack: Stack
    store: ObjectStore
    table: FaultTable
    dataset: str
    version: str | None = None
    undisturbed: Outcome | None = None
    undisturbed_s: float = 0.0
    fault_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.jobs = RayJobs(self.stack)
        self.airflow = AirflowApi(self.stack.airflow_url, self.stack.airflow_login())

    @contextlib.contextmanager
    def watching(self, fault: str) -> Iterator[tuple[Watch, Row]]:
        """A row of the table: watch until the block ends, then keep what was seen."""
        row = Row(fault)
        self.table.say(f"--- {fault}")
        airflow = AirflowApi(self.stack.airflow_url, self.stack.airflow_login())
        with Watch(self.jobs, airflow, self.table.say) as watch:
            try:
                yield watch, row
            except BaseException as error:
                self.table.say(f"NOT AS EXPECTED: {error!r}"[:600])
                raise
            finally:
                row.jobs = row.jobs or _told(watch.per_step())
                if not row.seen or row.seen.startswith("not run"):
                    row.seen = watch.seen()
                self.table.add(row)

    def fault(self, what: str) -> None:
        """Note that it is done now."""
        self.fault_at = time.monotonic()
        self.table.say(f"FAULT: {what}")

    def since_fault(self) -> float:
        return time.monotonic() - self.fault_at

    def trigger(self, watch: Watch | None = None, **conf: Any) -> str:
        asked = {"dataset": self.dataset, "version": self.version, "recipe": "lite0_probe"} | conf
        dag_run = until(
            "Airflow takes the order", lambda: self.airflow.trigger(RETRAIN, asked), limit_s=60
        )
        if watch is not None:
            watch.follow(dag_run)
        return dag_run

    def ti(self, dag_run: str, task_id: str = "train") -> dict[str, Any]:
        return self.airflow._call("GET", _ti(dag_run, task_id)).json()

    def state(self, dag_run: str, task_id: str = "train") -> str | None:
        return self.ti(dag_run, task_id)["state"]

    def mark(self, dag_run: str, state: str, task_id: str = "train") -> None:
        self.airflow._call("PATCH", _ti(dag_run, task_id), {"new_state": state})

    def clear(self, dag_run: str, task_id: str = "train") -> None:
        body = {"dry_run": False, "dag_run_id": dag_run, "task_ids": [task_id]}
        body |= {"only_failed": False, "only_running": False, "include_downstream": False}
        self.airflow._call("POST", f"/api/v2/dags/{RETRAIN}/clearTaskInstances", body)

    def planned(self, dag_run: str) -> dict[str, Any] | None:
        return self.airflow.xcom(RETRAIN, dag_run, "plan", "plan")

    def error(self, dag_run: str, task_id: str = "train") -> SortlineError | None:
        """The XCom `error` of a task: the one clear reason."""
        told = self.airflow.xcom(RETRAIN, dag_run, task_id, "error")
        return told and from_wire(told)

    def job_of(self, dag_run: str, limit_s: float = 60) -> str:
        """The training's Ray job, once it runs and its task waits deferred."""
        plan = until("a plan", lambda: self.planned(dag_run), limit_s=limit_s)
        prefix = f"sortline-{plan['run_id']}-train-"

        def running() -> list[str]:
            states = self.jobs.states()
            return [n for n in states if n.startswith(prefix) and states[n] == "RUNNING"]

        (job,) = until(f"a running job {prefix}N", running, limit_s=limit_s)
        until("train is deferred", lambda: self.state(dag_run) == "deferred", limit_s=30)
        return job

    def trained_to(self, dag_run: str, epoch: int, limit_s: float = 120) -> None:
        """Wait until the training has ended this epoch: there is a checkpoint to go on from."""
        plan = until("a plan", lambda: self.planned(dag_run), limit_s=limit_s)
        key = keys.run(plan["run_id"], "progress.json")

        def far_enough() -> bool:
            found = find_document(self.store, Progress, key)
            return found is not None and found.phase == "training" and found.epoch > epoch

        until(f"epoch {epoch} has ended", far_enough, limit_s=limit_s, every_s=0.1)

    def at(self, dag_run: str, task_id: str, state: str, limit_s: float = 180) -> None:
        """Wait until a task is in a state."""
        until(
            f"{task_id} is {state}",
            lambda: self.state(dag_run, task_id) == state,
            limit_s=limit_s,
            every_s=0.1,
        )

    def end_of(self, dag_run: str, limit_s: float, dag_id: str = RETRAIN) -> str:
        """How the run ended."""

        def ended() -> str | None:
            state = self.airflow.run_state(dag_id, dag_run)
            return state if state in ENDED else None

        return until(f"the end of {dag_run}", ended, limit_s=limit_s, every_s=0.5)

    def reconcile(self) -> dict[str, Any]:
        """Run the reconciler by hand; what it swept."""
        self.table.say("the reconciler is run by hand")
        dag_run = self.airflow.trigger(RECONCILE, {})
        assert self.end_of(dag_run, 120, RECONCILE) == "success"
        return self.airflow.xcom(RECONCILE, dag_run, "reconcile")

    def gone(self, job: str, limit_s: float = 40) -> float:
        """Wait until a job is stopped; the seconds since the fault."""
        until(
            f"{job} is stopped", lambda: self.jobs.states().get(job) == "STOPPED", limit_s=limit_s
        )
        return self.since_fault()

    def outcome_of(self, dag_run: str) -> Outcome:
        run_id = self.planned(dag_run)["run_id"]
        result = read_document(self.store, TrainingResult, keys.run(run_id, "training.json"))
        verdict = read_document(self.store, Verdict, keys.run(run_id, "verdict.json"))
        losses = tuple(epoch.val_loss for epoch in result.epochs)
        return Outcome(verdict.decision.value, result.weights.sha256, result.best_epoch, losses)

    def resumed_from(self, dag_run: str) -> int:
        """The step that the training's last attempt went on from; 0 where it began anew."""
        key = keys.run(self.planned(dag_run)["run_id"], "training.json")
        return read_document(self.store, TrainingResult, key).resumed_from_step

    def left(self, dag_runs: list[str]) -> list[str]:
        """What must not be there after a row, a line each."""
        return [
            *(f"alive Ray job {job}" for job in self.jobs.alive()),
            *(f"record {key}" for key in self.store.keys("owners/")),
            *(f"{key}" for key in self.store.keys("staging/") if "published" not in key),
            *self._alias_apart(),
            *self._half_written(dag_runs),
        ]

    def nothing_is_left(self, dag_runs: list[str]) -> None:
        limit = time.monotonic() + _TIDY_LIMIT_S
        while left := self.left(dag_runs):
            assert time.monotonic() < limit, f"left behind: {left}"
            time.sleep(1)
        self.table.say("left behind: nothing")

    def heal(self) -> None:
        """After a row: everything up, no run active, and no run half-way for the next to meet."""
        self.stack.up(lambda _: None)
        for dag_run in self.airflow.active_runs(RETRAIN):
            self.airflow.fail_run(RETRAIN, dag_run)
        until("no run is active", lambda: not self.airflow.active_runs(RETRAIN), limit_s=60)
        if self.jobs.alive():
            until("the reconciler leaves no job", self._reconciled, limit_s=90)
        self._forget_unjudged()

    def _forget_unjudged(self) -> None:
        """Remove what a run without a verdict has written: the next row would go on with it."""
        written = list(self.store.keys("runs/"))
        judged = {key.split("/")[1] for key in written if key.endswith("/verdict.json")}
        self.store.delete(key for key in written if key.split("/")[1] not in judged)

    def _reconciled(self) -> bool:
        self.reconcile()
        return not self.jobs.alive()

    def _alias_apart(self) -> list[str]:
        pointer = find_document(self.store, ChampionPointer, keys.champion(self.dataset))
        if pointer is None:
            return []
        answer = httpx.get(
            f"{self.stack.mlflow_url}/api/2.0/mlflow/registered-models/alias",
            params={"name": self.dataset, "alias": "champion"},
            auth=self.stack.mlflow_login(),
            trust_env=False,
        ).json()
        alias = answer.get("model_version", {}).get("version")
        agreed = alias == str(pointer.model_version)
        return [] if agreed else [f"champion {pointer.model_version}, alias {alias}"]

    def _half_written(self, dag_runs: list[str]) -> list[str]:
        return [
            f"run of {dag_run} without a card"
            for dag_run in dag_runs
            if self.airflow.run_state(RETRAIN, dag_run) == "success"
            and not self.store.exists(keys.judged(self.planned(dag_run)["run_id"], "card.json"))
        ]


def lead_through(stack: Stack, url: str) -> None:
    """Make Airflow's connection to Ray lead through another address."""
    path = Vault(home_of(stack).secrets).airflow_connections
    connections = json.loads(path.read_text())
    connections[RAY_CONNECTION] |= {"host": url}
    write_private(path, json.dumps(connections))


def folder_of_photos(folder: Path) -> Path:
    """A small folder of classes."""
    from tasks.sources.sample import SampleSource

    for image in SampleSource(images_per_class=20, seed=5).images():
        path = folder / image.label / Path(image.path).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.read())
    return folder


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


def _ti(dag_run: str, task_id: str) -> str:
    return f"/api/v2/dags/{RETRAIN}/dagRuns/{quote(dag_run, safe='')}/taskInstances/{task_id}"


def _told(per_step: dict[str, int]) -> str:
    return ", ".join(f"{step} {n}" for step, n in per_step.items()) or "none"
