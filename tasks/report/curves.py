"""How a training went: learning rate, loss and accuracy, step by step."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ray_jobs.contract.training import TrainingResult
from tasks.report.plot import Palette, Plot
from tasks.report.steps import Step, smoothed, thinned, window_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_IN = (4.4, 2.8)
_MARKED_EPOCHS = 30
Measure = Literal["loss", "accuracy"]


def training_plots(training: TrainingResult, steps: Sequence[Step]) -> list[Plot]:
    """The curves; without steps (an older run) those of the epochs alone."""
    return [
        _measure_plot("loss", training, steps),
        _measure_plot("accuracy", training, steps),
        _rate_plot(training, steps),
    ]


def caption(steps: Sequence[Step]) -> str:
    """What the lines of a curve are, in words."""
    if not steps:
        return "A point is an epoch: no single steps were kept of this run."
    apart = -(-len(steps) // len(thinned(steps)))
    drawn = "every step" if apart == 1 else f"one step of {apart}"
    around = window_of(len(steps))
    return f"Faint: {drawn}. Line: smoothed, the mean of the {around} steps around each."


def _measure_plot(name: Measure, training: TrainingResult, steps: Sequence[Step]) -> Plot:
    first, last = training.epochs[0], training.epochs[-1]
    told = f"from {_validation(first, name):.3f} to {_validation(last, name):.3f}"

    def draw(axes: Axes, palette: Palette) -> None:
        if steps:
            _draw_steps(axes, palette, steps, [getattr(step, name) for step in steps])
        else:
            _draw_epochs(axes, palette.first, training, name)
        _draw_epochs(axes, palette.second, training, f"val_{name}")
        _finish(axes, palette, training)

    return Plot(
        name=name,
        title=name.capitalize(),
        alt=f"{name.capitalize()} of the training, and of the validation {told}",
        size_in=_SIZE_IN,
        draw=draw,
        keys=("training", "validation"),
        caption=caption(steps),
    )


def _rate_plot(training: TrainingResult, steps: Sequence[Step]) -> Plot:
    rates = [one.learning_rate for one in (steps or training.epochs)]
    at = [one.step for one in (steps or training.epochs)]

    def draw(axes: Axes, palette: Palette) -> None:
        axes.plot(thinned(at), thinned(rates), color=palette.first, linewidth=2)
        if len(at) == 1:
            axes.plot(at, rates, "o", color=palette.first, markersize=4)
        axes.set_ylim(bottom=0)
        _finish(axes, palette, training)

    return Plot(
        name="learning-rate",
        title="Learning rate",
        alt=f"Learning rate: at most {max(rates):.2g}, at the end {rates[-1]:.2g}",
        size_in=_SIZE_IN,
        draw=draw,
    )


def _validation(epoch: object, name: Measure) -> float:
    return float(getattr(epoch, f"val_{name}"))


def _draw_steps(
    axes: Axes, palette: Palette, steps: Sequence[Step], values: Sequence[float]
) -> None:
    at = thinned([step.step for step in steps])
    axes.plot(at, thinned(values), color=palette.first, linewidth=1, alpha=0.28)
    smooth = smoothed(values, window_of(len(values)))
    axes.plot(at, thinned(smooth), color=palette.first, linewidth=2)


def _draw_epochs(axes: Axes, colour: str, training: TrainingResult, name: str) -> None:
    at = [epoch.step for epoch in training.epochs]
    values = [float(getattr(epoch, name)) for epoch in training.epochs]
    marker = "o" if len(at) <= _MARKED_EPOCHS else ""
    axes.plot(at, values, color=colour, linewidth=2, marker=marker, markersize=4)


def _finish(axes: Axes, palette: Palette, training: TrainingResult) -> None:
    from matplotlib.ticker import MaxNLocator

    best = next(one.step for one in training.epochs if one.epoch == training.best_epoch)
    axes.axvline(best, color=palette.muted, linewidth=1, linestyle=(0, (2, 3)))
    axes.set_xlabel("step")
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
