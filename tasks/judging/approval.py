"""A person's word on a promotion: what is asked, and what the answer makes of the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from ray_jobs.contract.document import Part
from ray_jobs.contract.evaluation import Estimate, EvaluationResult, Scores
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.verdict import Decision, Verdict

# A working day and a night: who is asked on a morning may answer the next.
RESPONSE_LIMIT = timedelta(hours=24)


class Answer(StrEnum):
    """What came of asking."""

    NOT_ASKED = "not_asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"


class Approval(Part):
    """The answer, and whose it is; nobody's where none was asked or none came."""

    answer: Answer
    by: str | None = None


class Question(NamedTuple):
    """What a person is shown; the body is Markdown."""

    subject: str
    body: str


def judged(verdict: Verdict, approval: Approval) -> Verdict:
    """The gate's verdict as the answer leaves it: a person can keep the champion, no more."""
    reason = _reason(approval)
    if verdict.decision is not Decision.PROMOTED or reason is None:
        return verdict
    decision = Decision.PROMOTED if approval.answer is Answer.APPROVED else Decision.KEPT
    return verdict.model_copy(update={"decision": decision, "reasons": (reason, *verdict.reasons)})


def ask(
    spec: RunSpec, evaluation: EvaluationResult, verdict: Verdict, *, version: int, url: str
) -> Question:
    """What is needed to decide on a promotion.

    Args:
      spec: what was trained.
      evaluation: candidate and champion on the same test images.
      verdict: the gate's, with its reasons.
      version: the candidate's number in the registry.
      url: the candidate in MLflow.
    """
    model = spec.manifest.dataset
    return Question(
        f"Promote version {version} of {model}?",
        "\n\n".join(
            [
                f"The gate would make version {version} the champion of **{_cell(model)}**. "
                f"Without an answer within {_hours(RESPONSE_LIMIT)} the champion stays.",
                "\n".join(_scores(evaluation, version)),
                "\n".join(["The gate's reasons:", "", *(f"- {one}" for one in verdict.reasons)]),
                "\n".join(_classes(evaluation)),
                _lineage(spec),
                f"[The candidate in MLflow]({url}); the report follows the decision.",
            ]
        ),
    )


def _reason(approval: Approval) -> str | None:
    by = approval.by or "unknown"
    return {
        Answer.NOT_ASKED: None,
        Answer.APPROVED: f"a person ({by}) approved the promotion",
        Answer.REJECTED: f"a person ({by}) rejected the promotion",
        Answer.TIMED_OUT: f"nobody approved within {_hours(RESPONSE_LIMIT)}",
    }[approval.answer]


def _scores(evaluation: EvaluationResult, version: int) -> Iterator[str]:
    yield "| model | test accuracy | 95% interval | right | macro F1 |"
    yield "| --- | --- | --- | --- | --- |"
    yield _row(f"candidate, version {version}", _candidate(evaluation))
    if evaluation.champion is None:
        yield "| champion | none yet | | | |"
    else:
        yield _row(f"champion, version {evaluation.champion.model_version}", evaluation.champion)


def _candidate(evaluation: EvaluationResult) -> Scores:
    """On the images that the champion was asked about too, where there is one."""
    return evaluation.comparison.candidate if evaluation.comparison else evaluation.candidate


def _row(name: str, scores: Scores) -> str:
    low, high = scores.accuracy.interval or (None, None)
    right = f"{scores.correct} of {scores.images} images"
    cells = _rate(scores.accuracy.value), f"{_rate(low)} to {_rate(high)}", right
    return f"| {name} | {' | '.join(cells)} | {_rate(scores.macro_f1.value)} |"


def _classes(evaluation: EvaluationResult) -> Iterator[str]:
    yield "| class | test images | recall of the candidate | of the champion |"
    yield "| --- | --- | --- | --- |"
    for name, score in _candidate(evaluation).classes.items():
        before = evaluation.champion.classes.get(name) if evaluation.champion else None
        recalls = f"{_recall(score.recall)} | {_recall(before.recall if before else None)}"
        yield f"| {_cell(name)} | {score.images} | {recalls} |"


def _recall(found: Estimate | None) -> str:
    return _rate(found.value if found else None)


def _lineage(spec: RunSpec) -> str:
    data = f"data set {_cell(spec.manifest.dataset)}, version {spec.manifest.version}"
    learnt = f"recipe {spec.recipe.name}, seed {spec.seed}, code {spec.code_version}"
    note = f"; note: {_cell(spec.note)}" if spec.note else ""
    return f"Run {spec.run_id}: {data}; {learnt}{note}"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3f}"


def _cell(text: str) -> str:
    """A text from outside, within a line of a table."""
    return " ".join(text.replace("|", "\\|").split())


def _hours(limit: timedelta) -> str:
    return f"{limit.total_seconds() / 3600:g} hours"
