"""Which images are shown: the mistakes that were made surest, and what two models part over."""

from __future__ import annotations

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
    """The mistakes of the candidate, then where both part; the surest candidate first."""
    by_confidence = np.argsort(-candidate.confidence, kind="stable")
    return [
        Pick(kind, row)
        for kind, is_one in _kinds(candidate, champion).items()
        for row in by_confidence[is_one[by_confidence]][:MOST].tolist()
    ]


def totals(candidate: Answers, champion: Answers | None) -> dict[ExhibitKind, int]:
    """How many images there are of each kind, shown or not."""
    return {kind: int(is_one.sum()) for kind, is_one in _kinds(candidate, champion).items()}


def _kinds(candidate: Answers, champion: Answers | None) -> dict[ExhibitKind, NDArray[np.bool_]]:
    """Which images are of a kind, bool [N] each; without a champion, there is one kind."""
    mistakes = {ExhibitKind.MISTAKE: ~candidate.correct}
    if champion is None:
        return mistakes
    parted = np.array(candidate.names) != np.array(champion.names)
    return mistakes | {ExhibitKind.DISAGREEMENT: parted}


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
