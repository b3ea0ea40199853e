"""Whether a model is as sure as it is right: the reliability diagram."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ray_jobs.contract.evaluation import CalibrationScore, ReliabilityBin, Scores
from tasks.report.plot import Palette, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AREA_PT2 = 420.0  # of the point of a bin that holds every image


def reliability_plot(candidate: Scores, champion: Scores | None, models: tuple[str, ...]) -> Plot:
    """Accuracy by confidence, a point a bin (DeGroot and Fienberg 1983; Guo et al. 2017).

    Args:
      candidate: the new model on the test split.
      champion: the model in use on the same images, or None before the first one.
      models: what the two are called.
    """
    shown = [scores.calibration for scores in (candidate, champion) if scores is not None]

    def draw(axes: Axes, palette: Palette) -> None:
        axes.plot([0, 1], [0, 1], color=palette.muted, linewidth=1, linestyle=(0, (2, 3)))
        for one, colour in zip(shown, (palette.first, palette.second), strict=False):
            _points(axes, one.bins, colour)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel("probability of the answer")
        axes.set_ylabel("share that is right")
        axes.grid()

    return Plot(
        name="reliability",
        title="Reliability",
        alt="Reliability; expected calibration error: " + _told(shown, models),
        size_in=(4.6, 4.3),
        draw=draw,
        keys=models,
        caption="On the dotted line a model is as sure as it is right, below it too sure. "
        "A point is a bin of probabilities, its area the images in it.",
    )


def _points(axes: Axes, bins: Sequence[ReliabilityBin], colour: str) -> None:
    filled = [
        (one.confidence, one.accuracy, one.images)
        for one in bins
        if one.confidence is not None and one.accuracy is not None
    ]
    if not filled:
        return
    confidences, accuracies, images = zip(*filled, strict=True)
    areas = [12 + _AREA_PT2 * count / sum(images) for count in images]
    axes.plot(confidences, accuracies, color=colour, linewidth=1.5, alpha=0.8)
    axes.scatter(
        confidences, accuracies, areas, color=colour, alpha=0.55, linewidths=0, clip_on=False
    )


def _told(shown: Sequence[CalibrationScore], models: tuple[str, ...]) -> str:
    errors = (one.error.value for one in shown)
    return ", ".join(
        f"{model} {'none' if error is None else format(error, '.3f')}"
        for model, error in zip(models, errors, strict=False)
    )
