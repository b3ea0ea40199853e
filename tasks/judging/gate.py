"""The gate: whether a candidate becomes champion. Values in, a verdict out (ADR 0011)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer, Promotion
from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.contract.errors import DataError, SortlineError
from ray_jobs.contract.evaluation import Comparison, DataCheck, EvaluationResult, Scores
from ray_jobs.contract.export import VerificationResult
from ray_jobs.contract.verdict import Check, Decision, Finding, Policy, Verdict
from ray_jobs.storage import Store, read_document
from tasks.judging import class_recall, findings
from tasks.judging.champion import LostRaceError
from tasks.settings import POLICY_VARIABLE

D = TypeVar("D", bound=Document)

# What a promotion rests on; that the rest passed as well, the findings say.
_FOR_IT = (Check.FLOORS, Check.COMPARISON)


@dataclass(frozen=True)
class Candidate:
    """What is known of a model that may become champion.

    Attributes:
      run_id: the run that trained it.
      scores: on every image of the test split that may count.
      verification: its exports, as they were run.
      checks: of the test split.
      evidence: the documents that all this was read from.
      made_champion: the move that has made it champion already, if one has.
    """

    run_id: str
    scores: Scores
    verification: VerificationResult
    checks: tuple[DataCheck, ...]
    evidence: tuple[ObjectRef, ...] = ()
    made_champion: Promotion | None = None


def decide(candidate: Candidate, champion: Comparison | None, policy: Policy) -> Verdict:
    """Promote a candidate that passes every check of the policy; else keep the champion.

    Args:
      candidate: the new model.
      champion: the model in use beside it, on the same images; None before the first one.
      policy: what a candidate must reach.

    Raises:
      DataError: the very first candidate does not pass, and nobody has made it champion all the
        same, which leaves nothing to use.
      SortlineError: the two were not scored on the same images.
    """
    if champion is not None:
        _check_same_images(champion)
    found = look_at(candidate, champion, policy)
    failed = tuple(one.fact for one in found if not one.passed)
    if failed and candidate.made_champion is not None:
        failed = (*failed, _champion_already(candidate.made_champion))
    elif failed and champion is None:
        raise _nothing_to_use(failed)
    return Verdict(
        run_id=candidate.run_id,
        decision=Decision.KEPT if failed else Decision.PROMOTED,
        reasons=failed or tuple(one.fact for one in found if one.check in _FOR_IT),
        champion_before=champion.champion.model_version if champion else None,
        policy=policy,
        findings=found,
        evidence=candidate.evidence,
    )


def look_at(
    candidate: Candidate, champion: Comparison | None, policy: Policy
) -> tuple[Finding, ...]:
    """A finding for each check, in the order of `Check`."""
    return (
        findings.of_data(candidate.checks),
        findings.of_exports(candidate.verification, policy),
        findings.of_floors(candidate.scores, policy),
        findings.of_comparison(champion, policy),
        class_recall.of_classes(candidate.scores, champion, policy),
        findings.of_calibration(candidate.scores, policy),
        findings.of_latency(candidate.verification, policy),
    )


def judge(store: Store, run_id: str, champion: ChampionPointer | None, policy: Policy) -> Verdict:
    """The verdict on a run that was verified and evaluated.

    A first candidate that is refused leaves no verdict, but is counted as one.

    Args:
      store: the bucket, as `judge`.
      run_id: the run.
      champion: the champion of now, read before the judgement.
      policy: what a candidate must reach.

    Raises:
      LostRaceError: the champion of now is not the one that was scored.
      DataError, SortlineError: as in `decide`.
      MissingObjectError: a step has not written its document yet.
    """
    evaluation, scored = _evidence(store, EvaluationResult, keys.judged(run_id, "evaluation.json"))
    verification, ran = _evidence(store, VerificationResult, keys.run(run_id, "verification.json"))
    _check_champion_of_now(evaluation, champion)
    candidate = Candidate(
        run_id,
        evaluation.candidate,
        verification,
        evaluation.checks,
        evidence=(scored, ran),
        made_champion=champion.history[-1] if champion and champion.run_id == run_id else None,
    )
    try:
        return decide(candidate, evaluation.comparison, policy)
    except DataError:
        mark(store, evaluation.manifest.dataset, run_id)
        raise


def mark(store: Store, model: str, run_id: str) -> None:
    """Count the run's verdict among those that rest on its test images, once."""
    evaluation = read_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json"))
    store.put_once(keys.decisions_on(model, evaluation.test_digest) + run_id, b"")


def _evidence(store: Store, kind: type[D], key: str) -> tuple[D, ObjectRef]:
    """A document, and what tells its bytes from any others."""
    data = store.get(key)
    ref = ObjectRef(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    return kind.from_json(data, origin=store.uri(key)), ref


def _champion_already(made: Promotion) -> str:
    return f"version {made.model_version} is the champion all the same, made so by {made.by}"


def _nothing_to_use(failed: tuple[str, ...]) -> DataError:
    return DataError(
        f"{'; '.join(failed)}; and there is no champion to keep",
        "a first model that passes the gate",
        "Train longer (--set epochs=N), take another recipe, look at the labels, or ask less in "
        f"the Airflow Variable '{POLICY_VARIABLE}'",
    )


def _check_same_images(comparison: Comparison) -> None:
    candidate, champion = comparison.candidate, comparison.champion
    if not candidate.images == champion.images == comparison.images:
        raise SortlineError(
            f"the candidate was scored on {candidate.images} images, "
            f"the champion on {champion.images}",
            f"both on the same {comparison.images} images",
            "Run the evaluation again",
        )


def _check_champion_of_now(evaluation: EvaluationResult, champion: ChampionPointer | None) -> None:
    scored = evaluation.champion.run_id if evaluation.champion else None
    now = champion.run_id if champion else None
    # Promoted by this very run, which then died: the judgement must come out as it did.
    if now not in (scored, evaluation.run_id):
        raise LostRaceError(
            f"run {evaluation.run_id} was compared with the champion of run {scored}, "
            f"and the champion of now is that of run {now}",
            "a comparison with the champion of now",
            "Evaluate the candidate again",
        )
