"""The gate: whether a candidate becomes champion. Values in, a verdict out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.document import Part
from ray_jobs.contract.errors import DataError, SortlineError
from ray_jobs.contract.evaluation import EvaluationResult, Scores
from ray_jobs.contract.verdict import Decision, Verdict
from tasks.champion import LostRaceError

Reasons = tuple[str, ...]


class Policy(Part):
    """What a candidate must reach, whatever the champion does. Accuracy is a share, 0 to 1."""

    accuracy_floor: Annotated[float, Field(ge=0, le=1)] = 0.5


def decide(candidate: Scores, champion: Scores | None, policy: Policy) -> tuple[Decision, Reasons]:
    """Promote a candidate that reaches the floor and answers more test images right.

    Accuracies are compared as counts on the same images, so that a tie is one; it keeps the
    champion. With no champion, a candidate above the floor is promoted.

    Args:
      candidate: the new model on the test split.
      champion: the model in use on the same images, or None before the first one.
      policy: the floor.

    Raises:
      DataError: the very first candidate is below the floor, which leaves nothing to use.
      SortlineError: the two were not scored on the same images.
    """
    if candidate.accuracy < policy.accuracy_floor:
        return _below_floor(candidate, champion, policy)
    if champion is None:
        reached = f"reaches the floor of {policy.accuracy_floor:g}"
        fact = f"test accuracy {_figures(candidate)} {reached}"
        return Decision.PROMOTED, (fact, "there is no champion to compare with")
    _check_same_images(candidate, champion)
    return _compare(candidate, champion)


def judge(
    evaluation: EvaluationResult, champion: ChampionPointer | None, policy: Policy
) -> Verdict:
    """The verdict on an evaluation.

    Args:
      evaluation: candidate and champion, scored in one job.
      champion: the champion of now, read before the judgement.
      policy: the floor.

    Raises:
      LostRaceError: the champion of now is not the one that was scored.
      DataError: as in `decide`.
    """
    _check_champion_of_now(evaluation, champion)
    decision, reasons = decide(evaluation.candidate, evaluation.champion, policy)
    before = evaluation.champion.model_version if evaluation.champion else None
    return Verdict(
        run_id=evaluation.run_id, decision=decision, reasons=reasons, champion_before=before
    )


def _below_floor(
    candidate: Scores, champion: Scores | None, policy: Policy
) -> tuple[Decision, Reasons]:
    fact = f"test accuracy {_figures(candidate)} is below the floor of {policy.accuracy_floor:g}"
    if champion is None:
        raise DataError(
            f"{fact}, and there is no champion to keep",
            f"a first model of at least {policy.accuracy_floor:g}",
            "Train longer (--set epochs=N), take another recipe, or look at the labels",
        )
    return Decision.KEPT, (
        fact,
        f"the champion stays, {_named(champion)} with {_figures(champion)}",
    )


def _compare(candidate: Scores, champion: Scores) -> tuple[Decision, Reasons]:
    figures = f"{_figures(candidate)} against {_figures(champion)} of {_named(champion)}"
    if candidate.correct > champion.correct:
        return Decision.PROMOTED, (f"test accuracy is better: {figures}",)
    if candidate.correct == champion.correct:
        return Decision.KEPT, (f"test accuracy is the same: {figures}", "a tie keeps the champion")
    return Decision.KEPT, (f"test accuracy is not better: {figures}",)


def _check_same_images(candidate: Scores, champion: Scores) -> None:
    if candidate.images != champion.images:
        raise SortlineError(
            f"the candidate was scored on {candidate.images} images, "
            f"the champion on {champion.images}",
            "both on the same images",
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


def _figures(scores: Scores) -> str:
    return f"{scores.accuracy:.3f} ({scores.correct} of {scores.images})"


def _named(champion: Scores) -> str:
    return f"champion version {champion.model_version}"
