"""Candidate and champion beside each other: rows of their test figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.evaluation import ClassScore, Comparison, Estimate, Scores


class Models(NamedTuple):
    """Both on the same images: all of the split, or those of the classes that both know."""

    candidate: Scores
    champion: Scores | None
    names: tuple[str, ...]


class Column(NamedTuple):
    """A model on some images, in the table of figures."""

    name: str
    scores: Scores


class Row(NamedTuple):
    """One figure: a text a column, and the difference where there is one."""

    name: str
    figures: list[str]
    difference: str


class ClassRow(NamedTuple):
    """One class; `champion` is None where there is none, or where it does not know the class."""

    name: str
    candidate: ClassScore
    champion: ClassScore | None


def models(card: ModelCard) -> Models:
    """What the figures compare."""
    mine, comparison = f"version {card.model_version}", card.evaluation.comparison
    if comparison is None:
        return Models(card.evaluation.candidate, None, (mine,))
    theirs = f"champion, version {comparison.champion.model_version}"
    return Models(comparison.candidate, comparison.champion, (mine, theirs))


def columns(card: ModelCard) -> list[Column]:
    """The candidate on the whole split, then both on what they share, where that is less.

    The figures do not tell: the same ones, of one model and of two at once, may differ in a bit.
    """
    whole, comparison = card.evaluation.candidate, card.evaluation.comparison
    same, champion, names = models(card)
    found = [Column(names[0], whole)]
    if champion is None or comparison is None:
        return found
    if set(comparison.classes) != set(whole.classes):
        found.append(Column(f"{names[0]}, classes that both know", same))
    return [*found, Column(names[1], champion)]


def rows(card: ModelCard) -> list[Row]:
    """Every test figure with its 95% interval."""
    shown, comparison = columns(card), card.evaluation.comparison
    return [
        _row(
            "accuracy", shown, lambda s: s.accuracy, comparison and comparison.accuracy_difference
        ),
        _row(
            "macro F1", shown, lambda s: s.macro_f1, comparison and comparison.macro_f1_difference
        ),
        _row("accuracy of the three likeliest", shown, lambda s: s.top3),
        _row("log-loss, nats an image", shown, lambda s: s.calibration.log_loss),
        _row("log-loss without temperature", shown, lambda s: s.calibration.log_loss_before),
        _row("calibration error", shown, lambda s: s.calibration.error),
        _row("calibration error without temperature", shown, lambda s: s.calibration.error_before),
        Row("temperature", [f"{one.scores.calibration.temperature:.3f}" for one in shown], ""),
    ]


def class_rows(card: ModelCard) -> list[ClassRow]:
    """A row a class of the split: both on the same images where both know it."""
    comparison, whole = card.evaluation.comparison, card.evaluation.candidate.classes
    return [
        ClassRow(name, *(_scores_of(comparison, name) or (score, None)))
        for name, score in whole.items()
    ]


def estimated(estimate: Estimate) -> str:
    """A figure and its interval.

    >>> estimated(Estimate(value=0.5, interval=(0.25, 0.75), images=4))
    '0.500 (0.250 to 0.750)'
    >>> estimated(Estimate(value=None, interval=None, images=0))
    'no images'
    """
    if estimate.value is None:
        return "not defined" if estimate.images else "no images"
    if estimate.interval is None:
        return f"{estimate.value:.3f}"
    low, high = estimate.interval
    return f"{estimate.value:.3f} ({low:.3f} to {high:.3f})"


def changed(difference: Estimate | None) -> str:
    """A difference with its sign and interval.

    >>> changed(Estimate(value=0.02, interval=(-0.01, 0.05), images=90))
    '+0.020 (-0.010 to +0.050)'
    """
    if difference is None or difference.value is None or difference.interval is None:
        return ""
    low, high = difference.interval
    return f"{difference.value:+.3f} ({low:+.3f} to {high:+.3f})"


def _row(
    name: str,
    shown: list[Column],
    of: Callable[[Scores], Estimate],
    difference: Estimate | None = None,
) -> Row:
    return Row(name, [estimated(of(one.scores)) for one in shown], changed(difference))


def _scores_of(comparison: Comparison | None, name: str) -> tuple[ClassScore, ClassScore] | None:
    if comparison is None or name not in comparison.classes:
        return None
    return comparison.candidate.classes[name], comparison.champion.classes[name]
