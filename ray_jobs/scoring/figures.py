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

_OF_ALL = 4
"""Columns that are not of a class or a bin: images, right among three, loss, images of it."""


class Figures(NamedTuple):
    """Each float64 [...], as many as there are sums; the last three [..., classes]."""

    accuracy: Floats
    top3: Floats
    macro_f1: Floats
    error: Floats
    log_loss: Floats
    recall: Floats
    precision: Floats
    f1: Floats


def contributions(answers: Answers) -> Floats:
    """What each image adds to the sums: float64 [N, three a class, one a bin, and four].

    A class that the model does not know is no matter of its log-loss: an image of it adds none.
    """
    classes = np.arange(len(answers.classes))
    confidence, correct = answers.confidence, answers.correct
    shows = answers.labels[:, np.newaxis] == classes
    says = answers.likeliest[:, np.newaxis] == classes
    gap = (correct - confidence)[:, np.newaxis]
    known = answers.known
    loss = np.where(known, losses(answers.of_truth), 0.0)
    of_all = np.column_stack([np.ones(len(known)), answers.within(3), loss, known])
    in_bin = bins_of(confidence)[:, np.newaxis] == np.arange(BINS)
    return np.column_stack([shows, says, shows & says, in_bin * gap, of_all]).astype(np.float64)


def figures(sums: Floats) -> Figures:
    """The figures of sums, float64 [..., K], of `contributions`.

    Precision, recall and F1: van Rijsbergen 1979, "Information Retrieval", chapter 7; macro F1 is
    the mean of F1 over the classes that have images.
    """
    classes = (sums.shape[-1] - BINS - _OF_ALL) // 3
    edges = [classes, 2 * classes, 3 * classes, 3 * classes + BINS]
    shown, said, hit, gaps, of_all = np.split(sums, edges, axis=-1)
    images, among3, loss, known = np.moveaxis(of_all, -1, 0)
    f1 = _ratio(2 * hit, shown + said)
    present = shown > 0
    return Figures(
        accuracy=_ratio(hit.sum(axis=-1), images),
        top3=_ratio(among3, images),
        macro_f1=_ratio(np.where(present, f1, 0.0).sum(axis=-1), present.sum(axis=-1)),
        error=_ratio(np.abs(gaps).sum(axis=-1), images),
        log_loss=_ratio(loss, known),
        recall=_ratio(hit, shown),
        precision=_ratio(hit, said),
        f1=f1,
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    """One by the other, NaN where there is no whole."""
    nothing = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    return np.divide(part, whole, out=nothing, where=whole > 0)
