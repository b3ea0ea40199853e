"""What is taken for what: the confusion matrix."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ray_jobs.contract.evaluation import Scores
from tasks.report.plot import Palette, Plot, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL_IN = 0.52
_GAP = 0.05


class Cell(NamedTuple):
    """So many `images` of a class (`row`) answered with a class; `share` is theirs of the row."""

    row: int
    column: int
    images: int
    share: float


class Mistake(NamedTuple):
    """How often images of one class are taken for another."""

    actual: str
    answered: str
    wrong: int
    images: int


def cells(scores: Scores) -> Iterator[Cell]:
    """Every cell that has images."""
    totals = [score.images for score in scores.classes.values()]
    for row, counts in enumerate(scores.confusion):
        for column, count in enumerate(counts):
            if count:
                yield Cell(row, column, count, count / totals[row])


def worst_mistakes(scores: Scores, most: int = 3) -> list[Mistake]:
    """The most frequent confusions, worst first."""
    names = tuple(scores.classes)
    mistakes = [
        Mistake(
            names[cell.row], names[cell.column], cell.images, scores.classes[names[cell.row]].images
        )
        for cell in cells(scores)
        if cell.row != cell.column
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.wrong)[:most]


def answered_outside(scores: Scores) -> int:
    """Images answered with a name that is no class of the split, and so has no column."""
    return scores.images - sum(map(sum, scores.confusion))


def confusion_plot(scores: Scores) -> Plot:
    """A row what an image shows, a column what the model answers; the right ones in the first."""
    names = [label(name) for name in scores.classes]
    side = 1.3 + _CELL_IN * len(names)

    def draw(axes: Axes, palette: Palette) -> None:
        from matplotlib.patches import Rectangle

        for row, column, images, share in cells(scores):
            colour = palette.first if row == column else palette.second
            corner, width = (column - 0.5 + _GAP, row - 0.5 + _GAP), 1 - 2 * _GAP
            strength = min(0.65, 0.12 + share * (0.5 if row == column else 1.5))
            axes.add_patch(
                Rectangle(corner, width, width, facecolor=colour, edgecolor="none", alpha=strength)
            )
            axes.text(column, row, str(images), ha="center", va="center")
        _frame(axes, names)

    told = [
        f"{m.actual} taken for {m.answered} {m.wrong} of {m.images}" for m in worst_mistakes(scores)
    ]
    return Plot(
        name="confusion",
        title="Confusion matrix",
        alt="Confusion matrix; most often " + ("; ".join(told) or "nothing is taken for another"),
        size_in=(side + 0.4, side),
        draw=draw,
        keys=("right", "wrong"),
        caption="A row is what an image shows, a column what the model answers, "
        "the shade grows with its share of the row.",
    )


def _frame(axes: Axes, names: list[str]) -> None:
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlabel("answered")
    axes.set_ylabel("shown")
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False, bottom=False)
