"""The scores of one model on one split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.evaluation import CalibrationScore, ClassScore, Estimate, Scores
from ray_jobs.scoring.answers import OTHER, Answers
from ray_jobs.scoring.bootstrap import REPLICATES, resampled
from ray_jobs.scoring.calibration import reliability
from ray_jobs.scoring.estimates import estimate
from ray_jobs.scoring.figures import Figures, contributions, figures

Floats = NDArray[np.float64]

_LEAST_FOR_TOP3 = 4


class Scored(NamedTuple):
    """`own` are a model's figures on the split, `replicas` those on each replicate of it."""

    own: Figures
    replicas: Figures


def score(answers: Answers, *, replicates: int = REPLICATES) -> Scores:
    """Score a model; the same answers give the same scores, to the last digit.

    Args:
      answers: its answers; no images at all leave every figure undefined.
      replicates: of the bootstrap.
    """
    values = contributions(answers)
    drawn = resampled(values, answers.groups, replicates)
    return scores_of(answers, Scored(figures(values.sum(axis=0)), figures(drawn)))


def scores_of(answers: Answers, scored: Scored) -> Scores:
    """The document of figures that are there."""
    own, replicas = scored
    images = len(answers.labels)
    top3 = estimate(own.top3, replicas.top3, images)
    has_top3 = len(answers.classes) >= _LEAST_FOR_TOP3
    return Scores(
        model_version=answers.model.model_version,
        run_id=answers.model.run_id,
        images=images,
        correct=int(answers.correct.sum()),
        accuracy=estimate(own.accuracy, replicas.accuracy, images),
        top3=top3 if has_top3 else Estimate(value=None, interval=None, images=images),
        macro_f1=estimate(own.macro_f1, replicas.macro_f1, images),
        calibration=_calibration(answers, scored),
        classes={name: _class(answers, c, scored) for c, name in enumerate(answers.classes)},
        confusion=_confusion(answers),
    )


def _class(answers: Answers, index: int, scored: Scored) -> ClassScore:
    shown, said = answers.labels == index, answers.likeliest == index
    images, answered = int(shown.sum()), int(said.sum())
    correct = int((shown & said).sum())
    own, replicas = scored
    return ClassScore(
        images=images,
        answered=answered,
        correct=correct,
        recall=estimate(own.recall[index], replicas.recall[:, index], images),
        precision=estimate(own.precision[index], replicas.precision[:, index], answered),
        f1=estimate(own.f1[index], replicas.f1[:, index], images + answered - correct),
    )


def _calibration(answers: Answers, scored: Scored) -> CalibrationScore:
    own, replicas = scored
    images, known = len(answers.labels), int(answers.known.sum())
    return CalibrationScore(
        temperature=answers.model.temperature,
        error=estimate(own.error, replicas.error, images),
        error_before=estimate(own.error_before, replicas.error_before, images),
        log_loss=estimate(own.log_loss, replicas.log_loss, known),
        log_loss_before=estimate(own.log_loss_before, replicas.log_loss_before, known),
        bins=reliability(answers.confidence, answers.correct),
    )


def _confusion(answers: Answers) -> tuple[tuple[int, ...], ...]:
    classes = len(answers.classes)
    named = answers.likeliest != OTHER
    cells = answers.labels[named] * classes + answers.likeliest[named]
    counts = np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(row) for row in counts.tolist())
