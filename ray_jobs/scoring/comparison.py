"""Two models beside each other, on the same images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ray_jobs.contract.evaluation import Comparison, Estimate
from ray_jobs.scoring.answers import Answers
from ray_jobs.scoring.bootstrap import REPLICATES, resampled
from ray_jobs.scoring.estimates import estimate
from ray_jobs.scoring.figures import contributions, figures
from ray_jobs.scoring.scores import Scored, score, scores_of

Floats = NDArray[np.float64]


def compare(candidate: Answers, champion: Answers, *, replicates: int = REPLICATES) -> Comparison:
    """Compare two models on the images of the classes that both know.

    The replicates are of pairs: in each, both models see the same images. What chance gives to both
    alike is gone from their difference.

    Args:
      candidate: its answers.
      champion: of the same images, in the same order.
      replicates: of the bootstrap.

    Raises:
      ValueError: they are not of the same images (our fault).
    """
    if candidate.classes != champion.classes or (candidate.labels != champion.labels).any():
        raise ValueError("candidate and champion did not answer the same images")
    models = candidate.model, champion.model
    both = [name for name in candidate.classes if all(name in one.classes for one in models)]
    ours, theirs = candidate.among(both), champion.among(both)
    own, rival = _scored(ours, theirs, replicates)
    alone = int((ours.correct & ~theirs.correct).sum()), int((theirs.correct & ~ours.correct).sum())
    images = len(ours.labels)
    return Comparison(
        classes=ours.classes,
        images=images,
        images_of_other_classes=len(candidate.labels) - images,
        candidate=scores_of(ours, own),
        champion=scores_of(theirs, rival),
        candidate_only=alone[0],
        champion_only=alone[1],
        p_value=mcnemar(*alone),
        accuracy_difference=_difference(own, rival, "accuracy", images),
        macro_f1_difference=_difference(own, rival, "macro_f1", images),
        recall_differences=_recall_differences(ours, own, rival)
        | _recalls_lost(candidate, champion, replicates),
        classes_gone=tuple(n for n in champion.model.classes if n not in champion.classes),
    )


def mcnemar(candidate_only: int, champion_only: int) -> float:
    """The chance of at least `candidate_only` of both together, were the two equally good.

    Source: McNemar 1947, Psychometrika 12(2); exact by the binomial distribution, one-sided.

    >>> mcnemar(3, 0)
    0.125
    >>> mcnemar(0, 0)
    1.0
    """
    apart = candidate_only + champion_only
    if not apart:
        return 1.0
    return float(stats.binomtest(candidate_only, apart, alternative="greater").pvalue)


def _scored(ours: Answers, theirs: Answers, replicates: int) -> tuple[Scored, Scored]:
    values = np.hstack([contributions(ours), contributions(theirs)])
    drawn = resampled(values, ours.groups, replicates)
    own, rival = (
        Scored(figures(sums), figures(replicas))
        for sums, replicas in zip(
            np.hsplit(values.sum(axis=0), 2), np.hsplit(drawn, 2), strict=True
        )
    )
    return own, rival


def _difference(own: Scored, rival: Scored, name: str, images: int) -> Estimate:
    value, replicas = (getattr(a, name) - getattr(b, name) for a, b in zip(own, rival, strict=True))
    return estimate(value, replicas, images)


def _recall_differences(answers: Answers, own: Scored, rival: Scored) -> dict[str, Estimate]:
    value, replicas = (a.recall - b.recall for a, b in zip(own, rival, strict=True))
    images = np.bincount(answers.labels, minlength=len(answers.classes)).tolist()
    return {
        name: estimate(value[c], replicas[:, c], images[c])
        for c, name in enumerate(answers.classes)
    }


def _recalls_lost(candidate: Answers, champion: Answers, replicates: int) -> dict[str, Estimate]:
    """Less the champion's recall, as shipped, of each class of the images that it alone knows."""
    alone = set(champion.model.classes) - set(candidate.model.classes)
    if alone.isdisjoint(champion.classes):
        return {}
    scored = score(champion, replicates=replicates).classes
    return {name: _negative(one.recall) for name, one in scored.items() if name in alone}


def _negative(figure: Estimate) -> Estimate:
    if figure.value is None or figure.interval is None:
        return figure
    low, high = figure.interval
    return Estimate(value=-figure.value, interval=(-high, -low), images=figure.images)
