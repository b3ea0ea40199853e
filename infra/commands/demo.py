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
from infra.commands.ingest import Wanted, check_source, run_ingest
from infra.commands.retrain import DAG_ID as RETRAIN
from infra.commands.retrain import Retraining, follow_retrain
from infra.follow import DagRun, ended_with
from infra.session import Session
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import ClusterError, SpecError
from ray_jobs.recipes import catalog
from ray_jobs.storage import read_document
from tasks.settings import DATASET_VARIABLE, RECIPE_VARIABLE

DEFAULT_SOURCE = "sample:"
RECIPE = "lite0_probe"  # a model in minutes
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
    wanted, recipe = Wanted(source), recipe or RECIPE
    dataset = check_source(wanted)
    catalog.resolve(recipe, {})
    with _only_one(session), _stack(session, keep=keep) as start_seconds:
        api = session.airflow()
        with recipe_of_settings(api, recipe):
            with dataset_of_settings(api, dataset):
                ingested = run_ingest(session, api, wanted.conf(dataset))
            waited = time.monotonic()
            run = _started_by(session, api, ingested["dag_run"])
            wait_seconds = round(time.monotonic() - waited, 1)
            with ended_with(api, run):
                retraining = follow_retrain(session, api, run)
        seconds = {"start": start_seconds, "ingest": ingested["seconds"], "wait": wait_seconds}
        manifest = read_document(
            session.store("serve"), DatasetManifest, retraining.card.spec.manifest.key
        )
        return Demo(ingested, manifest, retraining, _rounded(seconds | _stages(retraining)))


@contextmanager
def recipe_of_settings(api: AirflowApi, recipe: str) -> Generator[None]:
    """Make a recipe that of the settings, and undo it: what a demo trains is nothing for a Monday.

    The retraining that an ingest starts has no form, so it reads its recipe there.
    """
    before = api.variable(RECIPE_VARIABLE)
    api.set_variable(RECIPE_VARIABLE, recipe)
    try:
        yield
    finally:
        api.set_variable(RECIPE_VARIABLE, before)


@contextmanager
def dataset_of_settings(api: AirflowApi, dataset: str) -> Generator[None]:
    """Make a data set that of the settings; undone if the ingest fails."""
    before = api.variable(DATASET_VARIABLE)
    api.set_variable(DATASET_VARIABLE, dataset)
    try:
        yield
    except BaseException:
        api.set_variable(DATASET_VARIABLE, before)
        raise


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
    was_started = session.stack.is_started()
    try:
        session.stack.up(session.screen.say)
        session.require_up()
        yield round(time.monotonic() - start, 1)
    finally:
        if not (was_started or keep):
            session.stack.down(session.screen.say)


def _started_by(session: Session, api: AirflowApi, ingest_run: str) -> DagRun:
    """The retraining that an ingest's asset event starts.

    One that runs already is waited for: Airflow starts one at a time.

    Raises:
      ClusterError: none comes.
    """
    limit = time.monotonic() + START_LIMIT_S
    told = False
    while not (started := api.runs_started_by(INGEST, ingest_run)):
        if api.active_runs(RETRAIN):
            limit = time.monotonic() + START_LIMIT_S
            if not told:
                session.screen.say(f"waiting for the run of {RETRAIN} that is active to end")
                told = True
        if time.monotonic() > limit:
            raise ClusterError(
                "the data set's asset has not started a retraining",
                f"a run of {RETRAIN} within {START_LIMIT_S:.0f} s",
                f"Check in Airflow's UI that {RETRAIN} is not paused",
            )
        time.sleep(0.5)
    return DagRun(RETRAIN, started[0])


def _stages(retraining: Retraining) -> dict[str, float]:
    """Seconds a task, and of those of `train` the ones that no epoch took."""
    stages = dict(retraining.stages)
    if "train" in stages:
        stages["ray_job_start"] = stages["train"] - retraining.card.training.seconds
    return stages


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in seconds.items()}
