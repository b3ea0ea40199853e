"""Figures of estimates with their intervals: of the whole split, and of each class."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ray_jobs.contract.evaluation import ClassScore, Estimate, Scores
from tasks.report.plot import Palette, Plot, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Measure = Literal["recall", "precision", "f1"]
MEASURES: dict[Measure, str] = {"recall": "Recall", "precision": "Precision", "f1": "F1"}


class Pair(NamedTuple):
    """One figure of the candidate beside that of the champion, None where there is none."""

    name: str
    candidate: Estimate
    champion: Estimate | None


def score_plot(candidate: Scores, champion: Scores | None, models: tuple[str, ...]) -> Plot:
    """Accuracy, macro F1 and top-3 accuracy, each with its interval.

    Args:
      candidate: the new model on the test split.
      champion: the model in use on the same images, or None before the first one.
      models: what the two are called.
    """
    pairs = [
        Pair("accuracy", candidate.accuracy, champion and champion.accuracy),
        Pair("macro F1", candidate.macro_f1, champion and champion.macro_f1),
        Pair("top-3", candidate.top3, champion and champion.top3),
    ]
    shown = [pair for pair in pairs if pair.candidate.value is not None]

    def draw(axes: Axes, palette: Palette) -> None:
        for place, pair in enumerate(shown):
            _dot(axes, pair.candidate, place - 0.14 * bool(champion), palette.first)
            _dot(axes, pair.champion, place + 0.14, palette.second)
        _rows(axes, [pair.name for pair in shown])

    return Plot(
        name="scores",
        title="Test figures with 95% intervals",
        alt="Test figures: " + _told(shown, models),
        size_in=(5.2, 0.6 + 0.5 * len(shown)),
        draw=draw,
        keys=models,
    )


def class_plot(
    measure: Measure,
    pairs: Sequence[tuple[str, ClassScore, ClassScore | None]],
    models: tuple[str, ...],
) -> Plot:
    """A bar a class with its interval, beside the champion's.

    Args:
      measure: what the bars show.
      pairs: name, candidate, champion of each class.
      models: what the two are called.
    """
    shown = [
        Pair(name, getattr(mine, measure), theirs and getattr(theirs, measure))
        for name, mine, theirs in pairs
    ]
    is_alone = all(pair.champion is None for pair in shown)

    def draw(axes: Axes, palette: Palette) -> None:
        height, shift = (0.6, 0.0) if is_alone else (0.36, 0.19)
        for place, pair in enumerate(shown):
            _bar(axes, pair.candidate, place - shift, height, palette.first)
            _bar(axes, pair.champion, place + shift, height, palette.second)
        axes.set_xlim(0, 1)
        _rows(axes, [label(pair.name) for pair in shown])

    title = MEASURES[measure]
    return Plot(
        name=measure,
        title=f"{title} by class, with 95% intervals",
        alt=f"{title} by class: " + _told(shown, models),
        size_in=(4.4, 0.7 + (0.36 if is_alone else 0.5) * len(shown)),
        draw=draw,
        keys=models,
    )


def _dot(axes: Axes, estimate: Estimate | None, place: float, colour: str) -> None:
    if estimate is None or estimate.value is None:
        return
    if estimate.interval is not None:
        axes.plot(estimate.interval, [place] * 2, color=colour, linewidth=2, solid_capstyle="round")
    axes.plot([estimate.value], [place], "o", color=colour, markersize=7)


def _bar(axes: Axes, estimate: Estimate | None, place: float, height: float, colour: str) -> None:
    if estimate is None or estimate.value is None:
        return
    axes.barh(place, estimate.value, height, color=colour, alpha=0.45)
    if estimate.interval is not None:
        axes.plot(estimate.interval, [place] * 2, color=colour, linewidth=2)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))


def _told(pairs: Sequence[Pair], models: tuple[str, ...]) -> str:
    told = (
        ", ".join(
            f"{model} {_rounded(one)}"
            for model, one in zip(models, (pair.candidate, pair.champion), strict=False)
            if one is not None
        )
        for pair in pairs
    )
    return "; ".join(f"{pair.name}: {words}" for pair, words in zip(pairs, told, strict=True))


def _rounded(estimate: Estimate) -> str:
    return "none" if estimate.value is None else f"{estimate.value:.3f}"
