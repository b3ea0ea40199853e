"""Whether a model is as sure as it is right: log-loss, calibration error, temperature.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", sections 2 and 4.2.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from ray_jobs.contract.evaluation import ReliabilityBin
from ray_jobs.contract.training import Calibration

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS = 15
# Where no validation image is answered wrongly, colder would be better without end.
_COLDEST, _HOTTEST = 0.25, 20.0
# What float32 holds beside 1: a smaller probability is rounding, and its logarithm is noise.
# scikit-learn's `log_loss` cuts there too.
_LEAST = float(np.finfo(np.float32).eps)


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities as another temperature would have made them: softmax(log p / temperature).

    So `tempered(p, 1 / t)` takes a temperature t out again: log p are the logits, but for a
    number that softmax does not see.

    Args:
      probabilities: float64 [N, classes]; rows need not sum to 1.
      temperature: above 0.
    """
    shares = np.maximum(probabilities, np.finfo(np.float32).tiny)
    # The largest becomes 1: no power of a row is nothing but zeros.
    powers = (shares / shares.max(axis=1, keepdims=True, initial=0.0)) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def losses(of_truth: Floats) -> Floats:
    """The log-loss an image, in nats, from the probability of its true class; float64 [N]."""
    return -np.log(np.maximum(of_truth, _LEAST))


def bins_of(confidence: Floats) -> Integers:
    """The bin of each image, int64 [N]; bin b holds what is in (b / 15, (b + 1) / 15]."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float | None:
    """The expected calibration error: how far confidence and accuracy of a bin are apart.

    Args:
      confidence: float64 [N], the probability of the likeliest class.
      correct: bool [N], whether that is the true one.

    Returns:
      The mean over images, 0 to 1; None without images.
    """
    if not len(confidence):
        return None
    gaps = np.bincount(bins_of(confidence), correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(confidence: Floats, correct: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """The bins of the same, from the least sure to the surest."""
    bins = bins_of(confidence)
    images, sure, right = (
        np.bincount(bins, weights, minlength=BINS).tolist()
        for weights in (np.ones_like(confidence), confidence, correct)
    )
    return tuple(
        ReliabilityBin(
            low=b / BINS,
            high=(b + 1) / BINS,
            images=int(images[b]),
            confidence=sure[b] / images[b] if images[b] else None,
            accuracy=right[b] / images[b] if images[b] else None,
        )
        for b in range(BINS)
    )


def calibrate(logits: Floats, labels: Integers) -> Calibration:
    """The one temperature that makes the log-loss least.

    Args:
      logits: float64 [N, classes], N at least 1.
      labels: int64 [N], indices into the classes.
    """

    def log_loss_at(log: float) -> float:
        return _log_loss(logits / np.exp(log), labels)

    # In the logarithm, where half as hot and twice as hot are as far; scipy ships no types.
    found = cast("Any", optimize).minimize_scalar(
        log_loss_at, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded"
    )
    temperature = float(np.exp(found.x))
    return Calibration(
        temperature=temperature,
        images=len(labels),
        log_loss_before=_log_loss(logits, labels),
        log_loss=_log_loss(logits / temperature, labels),
        error_before=_error(logits, labels),
        error=_error(logits / temperature, labels),
    )


def _log_loss(logits: Floats, labels: Integers) -> float:
    of_truth = np.take_along_axis(
        special.log_softmax(logits, axis=1), labels[:, np.newaxis], axis=1
    )
    return float(-of_truth.mean())


def _error(logits: Floats, labels: Integers) -> float:
    likeliest = special.softmax(logits, axis=1).max(axis=1)
    return calibration_error(likeliest, logits.argmax(axis=1) == labels) or 0.0
