"""What a step answers, the same on every worker, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Sums(NamedTuple):
    """Over all workers: loss and correct answers summed over images, and the images."""

    loss: float
    correct: float
    images: float

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


class Answer(NamedTuple):
    """What all workers together say of a step of training.

    Attributes:
      sums: of the step.
      is_wanted: whether any of them wants a checkpoint.
      norm: of the gradient.
      rate: that the optimizer took the step with.
      broken: the replicas whose own loss or gradient was not finite.
    """

    sums: Sums
    is_wanted: bool
    norm: float
    rate: float
    broken: tuple[int, ...]

    @property
    def is_finite(self) -> bool:
        """Whether the loss and every gradient were."""
        return math.isfinite(self.sums.loss + self.norm)


class Judgement(NamedTuple):
    """What all workers together say of a step of validation; `broken` is as in `Answer`."""

    sums: Sums
    broken: tuple[int, ...]

    @property
    def is_finite(self) -> bool:
        """Whether the loss is."""
        return math.isfinite(self.sums.loss)


def as_sums(answer: tf.Tensor) -> Sums:
    """The sums of what an evaluation step answered."""
    return Sums(*answer.numpy()[:3].tolist())


def as_judgement(answer: tf.Tensor) -> Judgement:
    """What an evaluation step answered, as numbers."""
    return Judgement(as_sums(answer), _broken(answer.numpy()[3:].tolist()))


def as_answer(answer: tf.Tensor) -> Answer:
    """What a training step answered, as numbers."""
    loss, correct, images, norm, rate, wishes, *flags = answer.numpy().tolist()
    return Answer(Sums(loss, correct, images), wishes > 0, norm, rate, _broken(flags))


def _broken(flags: Sequence[float]) -> tuple[int, ...]:
    return tuple(replica for replica, flag in enumerate(flags) if flag)
