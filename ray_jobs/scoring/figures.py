"""Figures of a model from sums over images: so a replicate of a split is figured as the split is.

A figure that is not defined is NaN in here, and None in a document.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ray_jobs.scoring.answers import Answers
from ray_jobs.scoring.calibration import BINS, bins_of, losses

Floats = NDArray[np.float64]

_OF_ALL = 5
"""Columns that are not of a class or a bin: images, right among three, losses, images of those."""


class Figures(NamedTuple):
    """Each float64 [...], as many as there are sums; the last three [..., classes]."""

    accuracy: Floats
    top3: Floats
    macro_f1: Floats
    error: Floats
    error_before: Floats
    log_loss: Floats
    log_loss_before: Floats
    recall: Floats
    precision: Floats
    f1: Floats


def contributions(answers: Answers) -> Floats:
    """What each image adds to the sums: float64 [N, three a class, two a bin, and five].

    Of the bins, and of the losses, the second is without the model's temperature.

    A class that the model does not know is no matter of its log-loss: an image of it adds none.
    """
    classes = np.arange(len(answers.classes))
    before = answers.before_temperature
    shows = answers.labels[:, np.newaxis] == classes
    says = answers.likeliest[:, np.newaxis] == classes
    gaps = _gaps(answers), _gaps(before)
    known = answers.known
    loss = [np.where(known, losses(one.of_truth), 0.0) for one in (answers, before)]
    of_all = np.column_stack([np.ones(len(known)), answers.within(3), *loss, known])
    return np.column_stack([shows, says, shows & says, *gaps, of_all]).astype(np.float64)


def _gaps(answers: Answers) -> Floats:
    """How much more right than sure each image is, in the column of its bin: float64 [N, bins]."""
    in_bin = bins_of(answers.confidence)[:, np.newaxis] == np.arange(BINS)
    return in_bin * (answers.correct - answers.confidence)[:, np.newaxis]


def figures(sums: Floats) -> Figures:
    """The figures of sums, float64 [..., K], of `contributions`.

    Precision, recall and F1: van Rijsbergen 1979, "Information Retrieval", chapter 7; macro F1 is
    the mean of F1 over the classes that have images.
    """
    classes = (sums.shape[-1] - 2 * BINS - _OF_ALL) // 3
    edges = np.cumsum([classes, classes, classes, BINS, BINS])
    shown, said, hit, gaps, gaps_before, of_all = np.split(sums, edges, axis=-1)
    images, among3, loss, loss_before, known = np.moveaxis(of_all, -1, 0)
    f1 = _ratio(2 * hit, shown + said)
    present = shown > 0
    return Figures(
        accuracy=_ratio(hit.sum(axis=-1), images),
        top3=_ratio(among3, images),
        macro_f1=_ratio(np.where(present, f1, 0.0).sum(axis=-1), present.sum(axis=-1)),
        error=_ratio(np.abs(gaps).sum(axis=-1), images),
        error_before=_ratio(np.abs(gaps_before).sum(axis=-1), images),
        log_loss=_ratio(loss, known),
        log_loss_before=_ratio(loss_before, known),
        recall=_ratio(hit, shown),
        precision=_ratio(hit, said),
        f1=f1,
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    """One by the other, NaN where there is no whole."""
    nothing = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    return np.divide(part, whole, out=nothing, where=whole > 0)
