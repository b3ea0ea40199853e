"""Scores of a classifier, from true and answered names. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ray_jobs.contract.evaluation import ClassScore, Scores

# The 97.5% quantile of the standard normal distribution: 95% between both tails.
_Z = 1.959963984540054


def wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """The 95% score interval of a share. Source: Wilson 1927, JASA 22(158).

    >>> [round(bound, 4) for bound in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    >>> wilson_interval(0, 0)
    (0.0, 1.0)
    """
    if images == 0:
        return 0.0, 1.0
    share, weight = correct / images, _Z * _Z / images
    middle = share + weight / 2
    half = _Z * math.sqrt(share * (1 - share) / images + weight / (4 * images))
    return max(0.0, (middle - half) / (1 + weight)), min(1.0, (middle + half) / (1 + weight))


def score(
    truths: Sequence[str],
    answers: Sequence[str],
    classes: Sequence[str],
    *,
    run_id: str,
    model_version: int | None,
) -> Scores:
    """Compare answers with the truth.

    Args:
      truths: the class of each image, one of `classes`.
      answers: what the model said of each; a name outside `classes` is a wrong answer, and has no
        column in the confusion.
      classes: in the order of the confusion's rows and columns.
      run_id: whose model it is.
      model_version: its registered version, or None where it has none yet.
    """
    pairs = Counter(zip(truths, answers, strict=True))
    images, correct = len(truths), sum(pairs[name, name] for name in classes)
    return Scores(
        model_version=model_version,
        run_id=run_id,
        images=images,
        correct=correct,
        accuracy=correct / images,
        interval=wilson_interval(correct, images),
        classes={name: _class_score(name, pairs) for name in classes},
        confusion=tuple(tuple(pairs[true, said] for said in classes) for true in classes),
    )


def _class_score(name: str, pairs: Counter[tuple[str, str]]) -> ClassScore:
    images = sum(count for (true, _), count in pairs.items() if true == name)
    said = sum(count for (_, answer), count in pairs.items() if answer == name)
    hits = pairs[name, name]
    return ClassScore(
        images=images,
        recall=hits / images if images else None,
        precision=hits / said if said else None,
    )
