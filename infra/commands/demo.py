"""`sortline demo`: the main job once, for real, from nothing."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.airflow_api import AirflowApi
from infra.commands.ingest import DAG_ID as INGEST
from infra.commands.ingest import absolute, check_source, run_ingest
from infra.commands.retrain import DAG_ID as RETRAIN
from infra.commands.retrain import DEFAULT_RECIPE, Retraining, follow_retrain
from infra.follow import DagRun
from infra.session import DATASET_VARIABLE, RECIPE_VARIABLE, Session
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.recipes import catalog
from ray_jobs.storage import read_document

DEFAULT_SOURCE = "sample:"
START_LIMIT_S = 120.0


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    ingest: dict[str, Any]
    manifest: DatasetManifest
    retraining: Retraining
    seconds: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The keys of `--json`."""
        answer = self.retraining.answer
        return {"ingest": self.ingest, "retrain": answer, "seconds": self.seconds}


def demo(session: Session, *, source: str, recipe: str | None, keep: bool) -> Demo:
    """Bring the stack up, ingest, follow the retraining that this starts, and tidy up.

    Raises:
      SpecError, DataError: the source or the recipe cannot be; or a demo runs in this home.
    """
    source, recipe = absolute(source), recipe or DEFAULT_RECIPE
    dataset = check_source(source, "auto", None)
    catalog.resolve(recipe, {})
    with _only_one(session), _stack(session, keep=keep) as start_seconds:
        api = session.airflow()
        _wait_for_dags(api)
        api.set_variable(DATASET_VARIABLE, dataset)
        api.set_variable(RECIPE_VARIABLE, recipe)
        ingested = run_ingest(session, api, source=source, dataset=dataset, source_format="auto")
        waited = time.monotonic()
        run = _started_by(api, ingested["dag_run"])
        wait_seconds = round(time.monotonic() - waited, 1)
        retraining = follow_retrain(session, api, run)
        seconds = {"start": start_seconds, "ingest": ingested["seconds"], "wait": wait_seconds}
        manifest = read_document(
            session.store("serve"), DatasetManifest, retraining.card.spec.manifest.key
        )
        return Demo(ingested, manifest, retraining, seconds | _rounded(retraining.stages))


@contextmanager
def _only_one(session: Session) -> Generator[None]:
    """Hold the home's demo lock; the system lets it go however this process ends."""
    session.stack.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (session.stack.home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpecError(
                f"a demo is running in {session.stack.home}",
                "one demo a home at a time",
                "Wait for it, or pass --home with another folder",
            ) from None
        yield


@contextmanager
def _stack(session: Session, *, keep: bool) -> Generator[float]:
    """The stack, up; taken down again only if this call brought it up."""
    start = time.monotonic()
    was_up = session.stack.is_up()
    try:
        session.stack.up(session.screen.say)
        session.require_up()
        yield round(time.monotonic() - start, 1)
    finally:
        if not (was_up or keep):
            session.stack.down(session.screen.say)


def _wait_for_dags(api: AirflowApi) -> None:
    """The DAG processor has read both DAGs. Raises ClusterError."""
    limit = time.monotonic() + START_LIMIT_S
    while not (api.has_dag(INGEST) and api.has_dag(RETRAIN)):
        if time.monotonic() > limit:
            raise ClusterError(
                "Airflow has not read the DAGs",
                f"{INGEST} and {RETRAIN} within {START_LIMIT_S:.0f} s",
                "Look at the DAG processor's log (`sortline status` names it)",
            )
        time.sleep(0.5)


def _started_by(api: AirflowApi, ingest_run: str) -> DagRun:
    """The retraining that an ingest's asset event has started. Raises ClusterError."""
    limit = time.monotonic() + START_LIMIT_S
    while not (started := api.runs_started_by(INGEST, ingest_run)):
        if time.monotonic() > limit:
            raise ClusterError(
                "the data set's asset has not started a retraining",
                f"a run of {RETRAIN} within {START_LIMIT_S:.0f} s",
                f"Check in Airflow's UI that {RETRAIN} is not paused",
            )
        time.sleep(0.5)
    return DagRun(RETRAIN, started[0])


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items()}
