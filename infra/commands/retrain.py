"""`sortline retrain`: train, judge and perhaps promote, through Airflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.airflow_api import AirflowApi
from infra.follow import DagRun, ended_with, follow, triggered
from infra.screen import seconds_of
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.errors import SortlineError, SpecError
from ray_jobs.contract.export import ExportFormat
from ray_jobs.contract.run import Progress, Resources
from ray_jobs.contract.verdict import Decision
from ray_jobs.recipes import catalog
from ray_jobs.recipes.overrides import check_keys
from ray_jobs.storage import Store, find_document, read_document
from tasks.planning import capacity
from tasks.planning.order import parse_workers
from tasks.settings import DEFAULT_RECIPE, RECIPE_VARIABLE

DAG_ID = "retrain_classifier"
RAY_STEPS = ("train", "export", "verify", "evaluate")


def parse_overrides(pairs: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping.

    >>> parse_overrides(["epochs=3", "schedule.base_lr=0.01"])
    {'epochs': '3', 'schedule.base_lr': '0.01'}
    """
    overrides: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise SpecError(f"--set '{pair}'", "KEY=VALUE", "Write --set epochs=10")
        overrides[key] = value
    return overrides


@dataclass(frozen=True)
class Retraining:
    """A finished run.

    The keys of `--json`, its card, the report as a file of this machine, the seconds of each stage.
    """

    answer: dict[str, Any]
    card: ModelCard
    report: Path
    stages: dict[str, float]


def retrain(
    session: Session,
    *,
    name: str | None,
    recipe: str | None,
    workers: str,
    overrides: Sequence[str],
    force: bool,
) -> Retraining:
    """Trigger `retrain_classifier` and follow it.

    Raises:
      SpecError, CapacityError: what was asked for cannot be; nothing was started.
    """
    chosen = parse_overrides(overrides)
    fewest, most = parse_workers(workers)
    if recipe is None:
        check_keys(chosen)  # of their values the recipe decides, which the stack alone knows
    else:
        catalog.resolve(recipe, chosen)
    session.require_up()
    api = session.airflow()
    if recipe is None:
        recipe = api.variable(RECIPE_VARIABLE) or DEFAULT_RECIPE
        catalog.resolve(recipe, chosen)
    capacity.check(session.settings(), Resources(workers_min=fewest, workers_max=most))
    conf: dict[str, Any] = {
        "dataset": session.dataset(name),
        "recipe": recipe,
        "overrides": chosen,
        "workers_min": fewest,
        "workers_max": most,
        "force": force,
    }
    with triggered(api, DAG_ID, conf) as run:
        return follow_retrain(session, api, run)


def follow_retrain(session: Session, api: AirflowApi, run: DagRun) -> Retraining:
    """Follow a run of `retrain_classifier` to its end, and the one that compares again, if any."""
    start = time.monotonic()
    store = session.store("serve")
    progress = ProgressReader(api, run, store)
    with session.screen.settled():
        snapshot = follow(
            api, run, show=session.screen.show, progress=progress.read, logs=session.logs
        )
    if again := api.xcom(run.dag_id, run.run_id, "compare_again", "trigger_run_id"):
        session.screen.say(f"the champion moved meanwhile: compared again by {again}")
        with ended_with(api, DagRun(run.dag_id, again)):
            return follow_retrain(session, api, DagRun(run.dag_id, again))
    seconds = round(time.monotonic() - start, 1)
    planned = api.xcom(run.dag_id, run.run_id, "plan", "plan")
    card = read_document(store, ModelCard, keys.judged(planned["run_id"], "card.json"))
    answer = _answer(card, store, unchanged=planned["unchanged"])
    jobs = {} if planned["unchanged"] else _ray_jobs(api, run)
    answer |= {"dag_run": run.run_id, "ray_jobs": jobs, "seconds": seconds}
    stages = {task.task_id: seconds_of(task) for task in snapshot.tasks}
    report = session.keep_report(planned["run_id"])
    taken = {name: taken for name, taken in stages.items() if taken is not None}
    return Retraining(answer, card, report, taken)


@dataclass
class ProgressReader:
    """Reads `progress.json` of the run that a DAG run has planned."""

    api: AirflowApi
    run: DagRun
    store: Store
    _run_id: str | None = None

    def read(self) -> Progress | None:
        """Where the training stands, or None before it has said so.

        Only for the eye: where it cannot be read, the run goes on unseen for a moment.
        """
        try:
            return self._read()
        except SortlineError:
            return None

    def _read(self) -> Progress | None:
        if self._run_id is None:
            planned = self.api.xcom(self.run.dag_id, self.run.run_id, "plan", "plan")
            self._run_id = planned and planned["run_id"]
        if self._run_id is None:
            return None
        return find_document(self.store, Progress, keys.run(self._run_id, "progress.json"))


def _answer(card: ModelCard, store: Store, *, unchanged: bool) -> dict[str, Any]:
    scores = card.evaluation.candidate
    exports = {export.format: export.prefix for export in card.exports.exports}
    verdict = Decision.UNCHANGED if unchanged else card.verdict.decision
    return {
        "run_id": card.spec.run_id,
        "dataset": card.spec.manifest.dataset,
        "version": card.spec.manifest.version,
        "recipe": card.spec.recipe.name,
        "verdict": verdict.value,
        "reasons": list(card.verdict.reasons),
        "test_accuracy": scores.accuracy.value,
        "test_accuracy_interval": list(scores.accuracy.interval or ()),
        "model_version": card.model_version,
        "export": store.uri(exports[ExportFormat.SAVED_MODEL]),
        "report": store.uri(keys.judged(card.spec.run_id, "report.html")),
    }


def _ray_jobs(api: AirflowApi, run: DagRun) -> dict[str, str]:
    answers = {step: api.xcom(run.dag_id, run.run_id, step) for step in RAY_STEPS}
    return {step: answer["submission_id"] for step, answer in answers.items() if answer}
