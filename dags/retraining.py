"""The Airflow-side steps of `retrain_classifier`: read the context, call `tasks`, hand on."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Variable
from tasks.card import assemble_card

from dags.shared import DATASET_VARIABLE, RECIPE_VARIABLE, announced, form, settings, task_instance
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.run import Decision, EvaluationResult, Resources, Verdict
from ray_jobs.storage import read_document, write_document
from tasks import capacity, champion, registry
from tasks import gate as gating
from tasks.events import newest_version
from tasks.plan import Order, parse_conf, plan_run
from tasks.report import publish_report

log = logging.getLogger(__name__)

DEFAULT_RECIPE = "lite0_probe"


def plan() -> bool:
    """Decide what to run and push it as the XCom `plan`.

    Returns:
      False, which skips the rest, where there is nothing to do: the same inputs were judged
      already, or the event that started the run is another data set's.
    """
    order = _order()
    if order is None:
        return False
    parts = settings()
    workers = Resources(workers_min=order.workers_min, workers_max=order.workers_max)
    use_gpu = capacity.check(parts, workers).use_gpu
    code_version = parts.code_version or "unknown"
    planned = plan_run(parts.store("judge"), order, code_version=code_version, use_gpu=use_gpu)
    task_instance().xcom_push("plan", planned.model_dump(mode="json"))
    if planned.unchanged:
        log.info("run %s has a verdict: unchanged", planned.run_id)
    return not planned.unchanged


def register() -> dict[str, Any]:
    """Log the run to MLflow and register its model as a candidate."""
    parts = settings()
    return registry.register_candidate(parts, parts.store("judge"), _planned("run_id"))


def gate() -> dict[str, Any]:
    """Decide: promote, or keep the champion."""
    evaluation = _evaluation()
    decision, reasons = gating.decide(evaluation.candidate, evaluation.champion, gating.Policy())
    log.info("%s: %s", decision.value, "; ".join(reasons))
    return {"decision": decision.value, "reasons": list(reasons)}


def promote() -> dict[str, Any]:
    """Move the champion if the gate says so, then write the verdict, then repair the alias."""
    parts = settings()
    store, run_id, model = parts.store("judge"), _planned("run_id"), _planned("model")
    judged = task_instance().xcom_pull(task_ids="gate")
    version: int = task_instance().xcom_pull(task_ids="register")["version"]
    before = _evaluation().champion
    verdict = Verdict(
        run_id=run_id,
        decision=Decision(judged["decision"]),
        reasons=tuple(judged["reasons"]),
        champion_before=before.model_version if before else None,
    )
    if verdict.decision is Decision.PROMOTED:
        move = champion.move(version, run_id, by="gate", at=datetime.now(UTC))
        champion.promote(store, model, move, judged_against=verdict.champion_before)
    write_document(store, verdict, keys.run(run_id, "verdict.json"))
    registry.set_verdict_tags(parts, model, version, verdict)
    pointer, _ = champion.read(store, model)
    if pointer is not None:
        registry.set_champion_alias(parts, model, pointer.model_version)
    return {"decision": verdict.decision.value, "model": model, "version": version}


def report() -> dict[str, str]:
    """Assemble the card and write the report."""
    store, run_id = settings().store("judge"), _planned("run_id")
    version: int = task_instance().xcom_pull(task_ids="register")["version"]
    card = assemble_card(store, run_id, _planned("model"), version)
    manifest = read_document(store, DatasetManifest, card.spec.manifest.key)
    key = publish_report(store, card, manifest)
    return {"card": store.uri(keys.run(run_id, "card.json")), "report": store.uri(key)}


def _order() -> Order | None:
    conf = form()
    mine = conf["dataset"] or Variable.get(DATASET_VARIABLE, default=None)
    if mine is None:
        raise SpecError(
            "no data set is named",
            f"the parameter 'dataset', or the Variable '{DATASET_VARIABLE}'",
            "Name one in the form, or run `sortline ingest` once",
        )
    events = announced()
    if events is not None:
        conf["version"] = newest_version(events, mine)
        log.info("announced: %s; acting on %s", events, mine)
        if conf["version"] is None:
            return None
    recipe = conf["recipe"] or Variable.get(RECIPE_VARIABLE, default=DEFAULT_RECIPE)
    return parse_conf({**conf, "dataset": mine, "recipe": recipe})


def _evaluation() -> EvaluationResult:
    key = keys.run(_planned("run_id"), "evaluation.json")
    return read_document(settings().store("judge"), EvaluationResult, key)


def _planned(key: str) -> str:
    return task_instance().xcom_pull(task_ids="plan", key="plan")[key]
