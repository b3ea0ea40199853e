"""The steps of `retrain_classifier` that decide: against whom, by what policy, and who said so."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowSkipException

from dags.handed_on import planned, registration, result_of
from dags.shared import settings
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act
from ray_jobs.contract.dataset import LatestVersion
from ray_jobs.contract.document import canonical_json
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.verdict import Decision, Policy, Verdict
from ray_jobs.storage import Store, find_document, read_document, write_document
from tasks.judging import approval, champion, history
from tasks.judging import gate as gating
from tasks.judging.approval import Approval, Question
from tasks.settings import POLICY_VARIABLE, Settings
from tasks.tracking import registry

log = logging.getLogger(__name__)


def policy() -> Policy:
    """What a candidate must reach: the Variable `sortline_policy`, or the usual.

    Raises:
      SpecError: it is no JSON object, or one of its keys is unknown or has a wrong value.
    """
    told: str = Variable.get(POLICY_VARIABLE, default="{}")
    return Policy.from_json(told.encode(), origin=f"the Variable {POLICY_VARIABLE}")


def versus() -> str:
    """The champion that the candidate is compared with: where it moves, compare again.

    By the number of moves too: one that went and came back must not find the first comparison. And
    the version whose test split decides, where it is not the one that was trained on.
    """
    store, model = settings().store("judge"), planned("model")
    pointer = champion.read(store, model).pointer
    versus = f"vs{pointer.model_version}.{len(pointer.history)}" if pointer else "vs-none"
    newest = read_document(store, LatestVersion, keys.latest(model)).version
    return versus if newest == planned("version") else f"{versus}-on-{newest}"


def gate() -> dict[str, Any]:
    """Decide: promote, or keep the champion. What was decided already stays decided.

    Skipped, and so is what comes after, where the champion moved since the evaluation.
    """
    store, run_id = settings().store("judge"), planned("run_id")
    verdict = find_document(store, Verdict, _verdict_key())
    if verdict is None:
        with _skipped_if_the_champion_moved():
            pointer = champion.read(store, planned("model")).pointer
            verdict = gating.judge(store, run_id, pointer, policy())
    log.info("%s: %s", verdict.decision.value, "; ".join(verdict.reasons))
    return verdict.model_dump(mode="json")


def question() -> Question | None:
    """What a person is to be asked before the promotion; None where nobody is.

    Nobody is where the run does not want it, where the gate keeps the champion, and where the
    promotion was made already.
    """
    store, run_id = settings().store("judge"), planned("run_id")
    verdict = _gate_says()
    pointer = champion.read(store, planned("model")).pointer
    was_made = pointer and history.is_made(pointer, run_id, since=verdict.champion_before)
    is_made = was_made or store.exists(_verdict_key())
    if not planned("require_approval") or verdict.decision is not Decision.PROMOTED or is_made:
        return None
    registered = registration(store)
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
    store, model = parts.store("judge"), planned("model")
    version = registration(store).model_version
    verdict = find_document(store, Verdict, _verdict_key())
    if verdict is None:
        with _skipped_if_the_champion_moved():
            verdict = _decide(store, model, version)
    gating.mark(store, model, verdict.run_id)
    registry.set_verdict_tags(parts, model, version, verdict)
    repair_alias(parts, model)
    return {"decision": verdict.decision.value, "model": model, "version": version}


def repair_alias(parts: Settings, model: str) -> None:
    """Set MLflow's alias to the champion of the pointer, which alone counts."""
    pointer = champion.read(parts.store("judge"), model).pointer
    if pointer is not None:
        registry.set_champion_alias(parts, model, pointer.model_version)


def _decide(store: Store, model: str, version: int) -> Verdict:
    """Do what gate and person say, then write it down: it stays decided."""
    answer = Approval.model_validate_json(json.dumps(result_of("approve")))
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


@contextmanager
def _skipped_if_the_champion_moved() -> Generator[None]:
    """Leave it to `compare_again`: it runs the same order anew, against the champion of now."""
    try:
        yield
    except champion.LostRaceError as error:
        log.warning("nothing is decided, compare again: %s", error)
        raise AirflowSkipException(str(error)) from error


def _gate_says() -> Verdict:
    return Verdict.from_json(canonical_json(result_of("gate")), origin="the gate")


def _verdict_key() -> str:
    return keys.run(planned("run_id"), "verdict.json")
