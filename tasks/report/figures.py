"""The report's figures: SVG drawn by matplotlib, in the page's own font and colours."""

# matplotlib leaves the type of its keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ray_jobs.contract.evaluation import Scores
from ray_jobs.contract.training import EpochMetrics, TrainingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# matplotlib knows no CSS: it draws in these, and each is exchanged for what the page defines, so
# that one drawing serves the light and the dark theme.
_INK, _MUTED, _LINE, _FIRST, _SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
_CSS = {
    _INK: "currentColor",
    _MUTED: "var(--muted)",
    _LINE: "var(--line)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the font of the page
    "svg.hashsalt": "sortline",  # the same card gives the same bytes
    "font.size": 10,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
}


def accuracy_figure(rows: Sequence[tuple[str, Scores]]) -> Markup:
    """Test accuracies with their 95% intervals, one row a model, the first on top."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 0.5 + 0.4 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, (_, scores) in enumerate(rows):
            low, high = scores.interval
            color = _FIRST if place == 0 else _MUTED
            axes.plot([low, high], [place, place], color=color, linewidth=2, solid_capstyle="round")
            axes.plot([scores.accuracy], [place], "o", color=color, markersize=8)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        told = "; ".join(f"{name} {scores.accuracy:.3f}" for name, scores in rows)
        return _svg(figure, f"Test accuracy with 95% intervals: {told}")


def curve_figure(training: TrainingResult, names: Sequence[str], title: str) -> Markup:
    """One or two measures an epoch (fields of `EpochMetrics`), the best epoch marked."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.4, 2.7), layout="constrained")
        axes = figure.subplots()
        for name, color in zip(names, (_FIRST, _SECOND), strict=False):
            _curve(axes, training.epochs, name, color)
        if "learning_rate" in names:
            axes.set_ylim(bottom=0)
        axes.axvline(training.best_epoch, color=_MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.set_xlabel("epoch")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        return _svg(figure, f"{title} an epoch; epoch {training.best_epoch} was kept")


def _curve(axes: Axes, epochs: Sequence[EpochMetrics], name: str, color: str) -> None:
    from matplotlib.ticker import MaxNLocator

    values = [float(getattr(epoch, name)) for epoch in epochs]
    # A single epoch has no line: its point must show.
    marker = "o" if len(epochs) <= 12 else ""
    axes.plot(
        [epoch.epoch for epoch in epochs],
        values,
        color=color,
        linewidth=2,
        marker=marker,
        markersize=4,
    )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))


def _svg(figure: Figure, label: str) -> Markup:
    """The drawing as an inline element that a screen reader reads as `label`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z]+[A-Za-z.]*_\d+"', "", text)  # twice in a page, and never used
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)  # the page sets the size
    for drawn, css in _CSS.items():
        text = text.replace(drawn, css)
    return Markup(f'<svg role="img" aria-label="{escape(label)}"' + text.removeprefix("<svg"))
