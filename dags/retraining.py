"""The Airflow-side steps of `retrain_classifier`: read the context, call `tasks`, hand on."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowSkipException

from dags.shared import announced, dataset_of, form, settings, task_instance
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act, Registration
from ray_jobs.contract.dataset import DatasetManifest, LatestVersion
from ray_jobs.contract.document import canonical_json
from ray_jobs.contract.errors import SortlineError, SpecError
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.verdict import Decision, Policy, Verdict
from ray_jobs.storage import Store, find_document, read_document, write_document
from tasks import approval, capacity, champion, history, registry
from tasks import gate as gating
from tasks.approval import Approval, Question
from tasks.card import assemble_card
from tasks.events import newest_version
from tasks.plan import Order, Plan, parse_conf, plan_run
from tasks.settings import DEFAULT_RECIPE, POLICY_VARIABLE, RECIPE_VARIABLE, Settings

log = logging.getLogger(__name__)


def plan() -> bool:
    """Decide what to run and push it as the XCom `plan`.

    Returns:
      False, which skips the rest, where there is nothing to do: the same inputs were judged
      already, or the event that started the run is another data set's.
    """
    order = _order()
    if order is None:
        return False
    policy()  # one that is wrong is told now, not after the hours of a training
    parts = settings()
    use_gpu = capacity.check(parts, order.resources).use_gpu
    planned = plan_run(parts.store("judge"), order, code_version=_code_version(), use_gpu=use_gpu)
    task_instance().xcom_push("plan", planned.model_dump(mode="json"))
    task_instance().xcom_push("order", _order_again(order, planned))
    if planned.unchanged:
        log.info("run %s has a verdict: unchanged", planned.run_id)
        _repair_alias_if_possible(parts, planned.model)
    return not planned.unchanged


def policy() -> Policy:
    """What a candidate must reach: the Variable `sortline_policy`, or the usual.

    Raises:
      SpecError: it is no JSON object, or one of its keys is unknown or has a wrong value.
    """
    told: str = Variable.get(POLICY_VARIABLE, default="{}")
    return Policy.from_json(told.encode(), origin=f"the Variable {POLICY_VARIABLE}")


def register() -> dict[str, Any]:
    """Log the run to MLflow and register its model as a candidate."""
    parts = settings()
    registered = registry.register_candidate(parts, parts.store("judge"), _planned("run_id"))
    return registered.model_dump(mode="json")


def versus() -> str:
    """The champion that the candidate is compared with: where it moves, compare again.

    By the number of moves too: one that went and came back must not find the first comparison. And
    the version whose test split decides, where it is not the one that was trained on.
    """
    store, model = settings().store("judge"), _planned("model")
    pointer = champion.read(store, model).pointer
    versus = f"vs{pointer.model_version}.{len(pointer.history)}" if pointer else "vs-none"
    newest = read_document(store, LatestVersion, keys.latest(model)).version
    return versus if newest == _planned("version") else f"{versus}-on-{newest}"


def gate() -> dict[str, Any]:
    """Decide: promote, or keep the champion. What was decided already stays decided.

    Skipped, and so is what comes after, where the champion moved since the evaluation.
    """
    store, run_id = settings().store("judge"), _planned("run_id")
    verdict = find_document(store, Verdict, _verdict_key())
    if verdict is None:
        with _skipped_if_the_champion_moved():
            pointer = champion.read(store, _planned("model")).pointer
            verdict = gating.judge(store, run_id, pointer, policy())
    log.info("%s: %s", verdict.decision.value, "; ".join(verdict.reasons))
    return verdict.model_dump(mode="json")


def question() -> Question | None:
    """What a person is to be asked before the promotion; None where nobody is.

    Nobody is where the run does not want it, where the gate keeps the champion, and where the
    promotion was made already.
    """
    store, run_id = settings().store("judge"), _planned("run_id")
    verdict = _gate_says()
    pointer = champion.read(store, _planned("model")).pointer
    was_made = pointer and history.is_made(pointer, run_id, since=verdict.champion_before)
    is_made = was_made or store.exists(_verdict_key())
    if not _planned("require_approval") or verdict.decision is not Decision.PROMOTED or is_made:
        return None
    registered = _registered(store)
    return approval.ask(
        read_document(store, RunSpec, keys.run(run_id, "spec.json")),
        read_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json")),
        verdict,
        version=registered.model_version,
        url=registered.url,
    )


def promote() -> dict[str, Any]:
    """Move the champion if gate and person say so, write the verdict, repair MLflow's alias.

    Skipped, with nothing decided, where the champion moved since the evaluation.
    """
    parts = settings()
    store, model = parts.store("judge"), _planned("model")
    version = _registered(store).model_version
    verdict = find_document(store, Verdict, _verdict_key())
    if verdict is None:
        with _skipped_if_the_champion_moved():
            verdict = _decide(store, model, version)
    gating.mark(store, model, verdict.run_id)
    registry.set_verdict_tags(parts, model, version, verdict)
    _repair_alias(parts, model)
    return {"decision": verdict.decision.value, "model": model, "version": version}


def _repair_alias_if_possible(parts: Settings, model: str) -> None:
    """Of a run that has nothing else to do, and so does not fail for MLflow's sake."""
    try:
        _repair_alias(parts, model)
    except SortlineError as error:
        log.warning("MLflow's alias stays behind until the next run: %s", error)


def _repair_alias(parts: Settings, model: str) -> None:
    pointer = champion.read(parts.store("judge"), model).pointer
    if pointer is not None:
        registry.set_champion_alias(parts, model, pointer.model_version)


def _decide(store: Store, model: str, version: int) -> Verdict:
    """Do what gate and person say, then write it down: it stays decided."""
    answer = Approval.model_validate_json(json.dumps(_result_of("approve")))
    verdict = approval.judged(_gate_says(), answer)
    if verdict.decision is Decision.PROMOTED:
        by = f"gate, approved by {answer.by}" if answer.by else "gate"
        act = Act.APPROVAL if answer.by else Act.GATE
        to = champion.move(version, verdict.run_id, by=by, at=datetime.now(UTC), act=act)
        now = champion.promote(store, model, to, judged_against=verdict.champion_before)
        if now.run_id != verdict.run_id:
            since = now.model_version
            log.warning("promoted before; since then version %d was made champion", since)
    write_document(store, verdict, _verdict_key())
    log.info("%s: %s", verdict.decision.value, "; ".join(verdict.reasons))
    return verdict


def report() -> dict[str, str]:
    """Write the report, then the card, whose presence means that the run is complete.

    Returns:
      The addresses of the card and the report, and as `page` that of MLflow's page that shows it.
    """
    # By the task alone: with pyarrow, the DAG would take half as long again to be read.
    from tasks.report import publish_report

    parts, run_id = settings(), _planned("run_id")
    store = parts.store("judge")
    registered = _registered(store)
    card = assemble_card(store, run_id, registered.model, registered.model_version)
    manifest = read_document(store, DatasetManifest, card.spec.manifest.key)
    key = publish_report(store, card, manifest)
    page = registry.keep_report(parts, store, registered.mlflow_run_id, key)
    registry.keep_card(parts, registered.mlflow_run_id, card)
    write_document(store, card, keys.judged(run_id, "card.json"))
    card_uri = store.uri(keys.judged(run_id, "card.json"))
    return {"card": card_uri, "report": store.uri(key), "page": page}


@contextmanager
def _skipped_if_the_champion_moved() -> Generator[None]:
    """Leave it to `compare_again`: it runs the same order anew, against the champion of now."""
    try:
        yield
    except champion.LostRaceError as error:
        log.warning("nothing is decided, compare again: %s", error)
        raise AirflowSkipException(str(error)) from error


def _order() -> Order | None:
    conf = form()
    mine = dataset_of(conf["dataset"])
    events = announced()
    if events is not None:
        told = newest_version(events, mine)
        log.info("announced: %s; acting on %s, last announced as %s", events, mine, told)
        if told is None:
            return None
        conf["version"] = None  # the newest of now, which an event that waited may not know
    recipe = conf["recipe"] or Variable.get(RECIPE_VARIABLE, default=DEFAULT_RECIPE)
    return parse_conf({**conf, "dataset": mine, "recipe": recipe})


def _order_again(order: Order, planned: Plan) -> dict[str, Any]:
    """The form of a run that goes on with this one, whatever the settings say by then."""
    asked = order.model_dump(mode="json", exclude={"schema_version"}, exclude_none=True)
    return asked | {"version": planned.version, "takes_up": planned.run_id}


def _code_version() -> str:
    version = settings().code_version
    if version is None:
        raise SpecError(
            "the version of the code is not known",
            "SORTLINE_CODE_VERSION set, so that a run can be told from one of other code",
            "`sortline up` sets it; in an image, set it to the build's label",
        )
    return version


def _gate_says() -> Verdict:
    return Verdict.from_json(canonical_json(_result_of("gate")), origin="the gate")


def _registered(store: Store) -> Registration:
    return read_document(store, Registration, keys.run(_planned("run_id"), "registration.json"))


def _verdict_key() -> str:
    return keys.run(_planned("run_id"), "verdict.json")


def _planned(key: str) -> str:
    return task_instance().xcom_pull(task_ids="plan", key="plan")[key]


def _result_of(task_id: str) -> dict[str, Any]:
    return task_instance().xcom_pull(task_ids=task_id)
