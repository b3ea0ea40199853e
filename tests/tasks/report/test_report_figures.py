"""What the figures of a report hold: their lines, bars and cells, drawn into axes."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ray_jobs.contract.evaluation import ClassScore, Estimate, ReliabilityBin
from tasks.report.confusion import confusion_plot
from tasks.report.curves import training_plots
from tasks.report.intervals import class_plot, score_plot
from tasks.report.plot import Palette, Plot
from tasks.report.reliability import reliability_plot
from tasks.report.steps import Step
from tests.tasks.documents import calibration, scores, training

FIRST, SECOND = "#0000ff", "#ff0000"
PALETTE = Palette("#000000", "#777777", "#cccccc", FIRST, SECOND)
MODELS = ("version 7", "champion, version 3")
LOSSES = (0, 5, 10, 15, 20, 55)
STEPS = [Step(at, 0.1 * at, loss, 0.1) for at, loss in enumerate(LOSSES, start=1)]
MINE, THEIRS = scores(36), scores(27, version=3)  # accuracy 0.8 and 0.6, both plus or minus 0.1


def drawn(plot: Plot) -> Axes:
    axes = Figure().subplots()
    plot.draw(axes, PALETTE)
    return axes


def lines(axes: Axes, colour: str) -> list[Line2D]:
    return [line for line in axes.lines if to_hex(line.get_color()) == colour]


def points(line: Line2D) -> list[object]:
    return [pytest.approx((x, y)) for x, y in line.get_xydata()]


def bars(axes: Axes, colour: str) -> list[Rectangle]:
    return [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == colour]


def test_a_curve_has_its_steps_faint_under_their_smoothed_line():
    loss, _, _ = training_plots(training(), STEPS)
    steps, smooth = lines(drawn(loss), FIRST)
    assert points(steps) == list(enumerate(LOSSES, start=1))
    assert points(smooth) == list(enumerate((5, 7.5, 10, 21, 25, 30), start=1))
    assert steps.get_alpha() < 0.5
    assert smooth.get_alpha() is None


def test_validation_stands_in_the_second_colour_at_the_ends_of_epochs():
    loss, accuracy, _ = training_plots(training(), STEPS)
    (found,) = lines(drawn(loss), SECOND)
    assert points(found) == [(26, 1.2), (52, 0.6), (78, 0.4)]
    (found,) = lines(drawn(accuracy), SECOND)
    assert points(found) == [(26, 0.4), (52, 0.7), (78, 0.8)]


def test_the_epoch_that_was_kept_is_marked_in_every_curve():
    best = training().model_copy(update={"best_epoch": 2})
    for plot in training_plots(best, STEPS):
        (mark,) = lines(drawn(plot), PALETTE.muted)
        assert set(mark.get_xdata()) == {52}


def test_without_steps_a_curve_is_that_of_the_epochs():
    loss, _, _ = training_plots(training(), [])
    (found,) = lines(drawn(loss), FIRST)
    assert points(found) == [(26, 1), (52, 0.5), (78, 1 / 3)]


def test_the_learning_rate_is_drawn_step_by_step():
    *_, rate = training_plots(training(), STEPS)
    (found,) = lines(drawn(rate), FIRST)
    assert points(found) == [(at, 0.1 * at) for at in range(1, 7)]


def test_test_figures_stand_on_their_intervals_and_beside_the_champions():
    axes = drawn(score_plot(MINE, THEIRS, MODELS))
    interval, dot, *of_macro_f1 = lines(axes, FIRST)
    assert points(interval) == [(0.7, -0.14), (0.9, -0.14)]
    assert points(dot) == [(0.8, -0.14)]
    assert len(of_macro_f1) == 2
    interval, dot, *_ = lines(axes, SECOND)
    assert points(interval) == [(0.5, 0.14), (0.7, 0.14)]
    assert points(dot) == [(0.6, 0.14)]


def test_test_figures_without_a_champion_stand_alone():
    axes = drawn(score_plot(MINE, None, MODELS[:1]))
    assert points(lines(axes, FIRST)[0]) == [(0.7, 0), (0.9, 0)]
    assert lines(axes, SECOND) == []


def test_a_class_has_a_bar_with_its_interval_beside_the_champions():
    axes = drawn(class_plot("recall", [("glass", of_class(0.75), of_class(0.5))], MODELS))
    for colour, value in ((FIRST, 0.75), (SECOND, 0.5)):
        (bar,) = bars(axes, colour)
        (interval,) = lines(axes, colour)
        middle = bar.get_y() + bar.get_height() / 2
        assert bar.get_width() == value
        assert points(interval) == [(value - 0.25, middle), (value + 0.25, middle)]
    mine, theirs = bars(axes, FIRST)[0], bars(axes, SECOND)[0]
    assert mine.get_y() + mine.get_height() <= theirs.get_y()


def test_a_class_that_the_champion_does_not_know_has_one_bar():
    pairs = [("glass", of_class(0.75), of_class(0.5)), ("paper", of_class(0.25), None)]
    axes = drawn(class_plot("recall", pairs, MODELS))
    assert [bar.get_width() for bar in bars(axes, FIRST)] == [0.75, 0.25]
    assert [bar.get_width() for bar in bars(axes, SECOND)] == [0.5]


def test_a_cell_of_the_confusion_matrix_lies_in_its_row_and_column():
    axes = drawn(confusion_plot(MINE))
    told = {text.get_position(): text.get_text() for text in axes.texts}
    assert told == {
        **{(0, 0): "13", (1, 0): "1", (2, 0): "1"},
        **{(1, 1): "15"},
        **{(0, 2): "2", (2, 2): "13"},
    }
    assert sorted(map(centre, bars(axes, FIRST))) == [(0, 0), (1, 1), (2, 2)]
    assert sorted(map(centre, bars(axes, SECOND))) == [(0, 2), (1, 0), (2, 0)]


def test_the_shade_of_a_cell_grows_with_its_share_of_the_row():
    wrong = {centre(cell): cell.get_alpha() for cell in bars(drawn(confusion_plot(MINE)), SECOND)}
    assert wrong[0, 2] > wrong[1, 0] == wrong[2, 0]  # two of fifteen, and one


def test_reliability_has_a_point_a_bin_that_holds_images_beside_the_diagonal():
    axes = drawn(reliability_plot(with_bins(0.5, 0.9), with_bins(0.4, 0.7), MODELS))
    (diagonal,) = lines(axes, PALETTE.muted)
    assert points(diagonal) == [(0, 0), (1, 1)]
    for colour, accuracies in ((FIRST, (0.5, 0.9)), (SECOND, (0.4, 0.7))):
        (line,) = lines(axes, colour)
        assert points(line) == [(0.6, accuracies[0]), (0.95, accuracies[1])]
    dots = [scattered.get_offsets().tolist() for scattered in axes.collections]
    assert dots == [[[0.6, 0.5], [0.95, 0.9]], [[0.6, 0.4], [0.95, 0.7]]]
    small, large = axes.collections[0].get_sizes()
    assert (large - 12) == pytest.approx(3 * (small - 12))  # three of four images, and one


def of_class(value: float) -> ClassScore:
    there = Estimate(value=value, interval=(value - 0.25, value + 0.25), images=8)
    return MINE.classes["glass"].model_copy(update={"recall": there})


def with_bins(*accuracies: float):
    """Scores with an empty bin, one of 10 images and one of 30."""
    held = ((0.6, 10), (0.95, 30))
    filled = [
        ReliabilityBin(low=0, high=1, images=images, confidence=confidence, accuracy=accuracy)
        for (confidence, images), accuracy in zip(held, accuracies, strict=True)
    ]
    empty, _ = calibration().bins
    return MINE.model_copy(
        update={"calibration": calibration().model_copy(update={"bins": (empty, *filled)})}
    )


def centre(cell: Rectangle) -> tuple[int, int]:
    """Its column and row."""
    x, y = cell.get_xy()
    return round(x + cell.get_width() / 2), round(y + cell.get_height() / 2)
