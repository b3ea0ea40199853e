"""Which images are shown."""

from __future__ import annotations

import numpy as np
import pytest

from ray_jobs.contract.evaluation import ExhibitKind
from ray_jobs.training.evaluation.exhibits import MOST, pick, totals
from tests.ray_jobs.scoring.answering import answers, named

SURE = [[0.6, 0.4], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8]]


def test_mistakes_come_surest_first_and_right_answers_do_not():
    picks = pick(answers("aaab", SURE), None)
    assert [(one.kind, one.row) for one in picks] == [
        (ExhibitKind.MISTAKE, 2),
        (ExhibitKind.MISTAKE, 1),
    ]


def test_what_both_part_over_comes_after_the_mistakes():
    picks = pick(answers("aaab", SURE), named("aaab", "aaaa"))
    rows = [one.row for one in picks if one.kind is ExhibitKind.DISAGREEMENT]
    assert [one.kind for one in picks[:2]] == [ExhibitKind.MISTAKE] * 2
    assert rows == [3, 2, 1]  # the candidate alone is right on 3


def test_two_names_that_are_both_wrong_part_too():
    picks = pick(named("c", "a", classes="abc"), named("c", "b", classes="abc"))
    assert [one.kind for one in picks] == [ExhibitKind.MISTAKE, ExhibitKind.DISAGREEMENT]


def test_no_more_are_shown_than_can_be_looked_at_and_all_are_counted():
    truths, said = "a" * 60 + "b", "b" * 61
    ours, theirs = named(truths, said), named(truths, "b" + truths[1:])
    assert len(pick(ours, theirs)) == 2 * MOST
    assert totals(ours, theirs) == {ExhibitKind.MISTAKE: 60, ExhibitKind.DISAGREEMENT: 59}
    assert totals(ours, None) == {ExhibitKind.MISTAKE: 60}


@pytest.mark.parametrize(
    ("parted", "shown"),
    [
        ((60, 40, 30), (8, 8, 8)),
        ((60, 3, 30), (11, 3, 10)),  # 24 less 3, and the odd one to the candidate
        ((60, 0, 0), (24, 0, 0)),
        ((0, 2, 1), (0, 2, 1)),
    ],
)
def test_who_alone_is_right_and_neither_share_the_places(parted, shown):
    mine, theirs, neither = parted
    ours = named("a" * sum(parted), "a" * mine + "b" * (theirs + neither), classes="abc")
    other = named("a" * sum(parted), "b" * mine + "a" * theirs + "c" * neither, classes="abc")
    picks = pick(ours, other)
    rows = [one.row for one in picks if one.kind is ExhibitKind.DISAGREEMENT]
    starts = (0, mine, mine + theirs)
    assert rows == [
        start + at for start, count in zip(starts, shown, strict=True) for at in range(count)
    ]


@pytest.mark.tf
def test_heat_is_laid_over_the_picture_and_smoothed():
    from ray_jobs.training.evaluation.pictures import overlaid

    picture = np.full((40, 40, 3), 100, np.uint8)
    heat = np.array([[1, 0], [0, 0]], np.float32)
    found = overlaid(picture, heat).astype(int).sum(axis=-1)
    assert found.shape == (40, 40)
    assert found[5, 5] > found[5, 20] > found[35, 35]
    # Inferno begins at (0, 0, 4): of the cold corner 0.55 of the picture is left.
    assert overlaid(picture, heat)[39, 39].tolist() == [55, 55, 57]
