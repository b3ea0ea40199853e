"""Which images are shown: the mistakes that were made surest, and what two models part over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.evaluation import Answer, Exhibit, ExhibitKind
from ray_jobs.scoring.answers import Answers
from ray_jobs.storage import Store

MOST = 24
"""Of each kind."""


class Pick(NamedTuple):
    """An image to be shown: its row among the answers, and why."""

    kind: ExhibitKind
    row: int


class Drawing(NamedTuple):
    """What is to be drawn: test images, and the answer of a run's model that each is about."""

    run_id: str
    manifest: DatasetManifest
    answers: dict[str, int]


class Pictures(NamedTuple):
    """An image as the models see it, and under the heat of its answer."""

    picture: ObjectRef
    overlay: ObjectRef


def pick(candidate: Answers, champion: Answers | None) -> list[Pick]:
    """The mistakes of the candidate, then where both part; the surest candidate first.

    What both part over is told apart by who is right: the candidate alone, the champion alone, or
    neither. Each has the same part of the places; what it cannot fill goes to the others.
    """
    picks = [
        Pick(ExhibitKind.MISTAKE, row) for row in _surest(candidate, ~candidate.correct)[:MOST]
    ]
    if champion is None:
        return picks
    parted = [_surest(candidate, rows) for rows in _parted(candidate, champion)]
    return picks + [Pick(ExhibitKind.DISAGREEMENT, row) for row in _shared(parted)]


def totals(candidate: Answers, champion: Answers | None) -> dict[ExhibitKind, int]:
    """How many images there are of each kind, shown or not; without a champion, of one kind."""
    mistakes = {ExhibitKind.MISTAKE: int((~candidate.correct).sum())}
    if champion is None:
        return mistakes
    parted = sum(int(rows.sum()) for rows in _parted(candidate, champion))
    return mistakes | {ExhibitKind.DISAGREEMENT: parted}


def _parted(candidate: Answers, champion: Answers) -> tuple[NDArray[np.bool_], ...]:
    """Where answers differ, bool [N] each: the candidate is right, the champion is, neither is."""
    differ = np.array(candidate.names) != np.array(champion.names)
    mine, theirs = candidate.correct, champion.correct
    return differ & mine, differ & theirs, differ & ~mine & ~theirs


def _surest(candidate: Answers, rows: NDArray[np.bool_]) -> list[int]:
    by_confidence = np.argsort(-candidate.confidence, kind="stable")
    return by_confidence[rows[by_confidence]].tolist()


def _shared(groups: Sequence[Sequence[int]]) -> list[int]:
    """`MOST` rows of all groups, dealt to them in turn; a group's own stay together."""
    turns = sorted((turn, at) for at, rows in enumerate(groups) for turn in range(len(rows)))
    dealt = Counter(at for _, at in turns[:MOST])
    return [row for at, rows in enumerate(groups) for row in rows[: dealt[at]]]


def show(
    picks: Sequence[Pick],
    samples: Sequence[str],
    candidate: Answers,
    champion: Answers | None,
    pictures: dict[str, Pictures],
) -> tuple[Exhibit, ...]:
    """The picks as exhibits.

    Args:
      picks: rows of all that follows.
      samples: the sha256 of the images.
      candidate: its answers.
      champion: its answers, None without one.
      pictures: by sha256.
    """

    def exhibit(one: Pick) -> Exhibit:
        sha256 = samples[one.row]
        return Exhibit(
            kind=one.kind,
            sha256=sha256,
            label=candidate.classes[candidate.labels[one.row]],
            candidate=_answer(candidate, one.row),
            champion=champion and _answer(champion, one.row),
            picture=pictures[sha256].picture,
            overlay=pictures[sha256].overlay,
        )

    return tuple(map(exhibit, picks))


def draw(store: Store, drawing: Drawing) -> dict[str, Pictures]:
    """Draw and keep the pictures, by sha256."""
    # Whoever orders a drawing does not need TensorFlow.
    from ray_jobs.training.evaluation.pictures import keep_pictures

    return keep_pictures(store, drawing)


def _answer(answers: Answers, row: int) -> Answer:
    return Answer(label=answers.names[row], probability=float(answers.confidence[row]))
