"""What is not finite ends a training, on every rank alike, before it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

from ray_jobs.contract.errors import SpecError
from ray_jobs.training.answer import Answer, Judgement
from ray_jobs.training.checkpoint import Parts
from ray_jobs.training.failures import ElsewhereError

_SHOWN = 8
_UNSTABLE = (
    "finite numbers",
    "Lower schedule.base_lr, or set optimizer.clipnorm; the last checkpoint is kept",
)


class Place(NamedTuple):
    """A step of an epoch, or of the validation after it, all from 1, as a rank takes it."""

    epoch: int
    step: int
    rank: int
    is_validation: bool = False

    def __str__(self) -> str:
        of = "the validation after epoch" if self.is_validation else "epoch"
        return f"step {self.step} of {of} {self.epoch}"


def check_step(answer: Answer | Judgement, place: Place, images: Sequence[str]) -> None:
    """Refuse a step that is not finite; statistics may break validation where no gradient is.

    Args:
      answer: of all ranks; each replica is one.
      place: which step, and whose.
      images: the sha256 of those that this rank had.

    Raises:
      ElsewhereError: the loss or the gradient of another rank was not.
      SpecError: this one's was not, with the images; or those of all together.
    """
    if answer.is_finite:
        return
    loss = answer.sums.loss / max(answer.sums.images, 1.0)
    what = "a gradient is not finite, the loss" if math.isfinite(loss) else "the loss"
    fact = f"{what} is {loss:g}, at {place}"
    if place.rank in answer.broken and images:
        shown = ", ".join(sha256[:12] for sha256 in images[:_SHOWN])
        more = ", ..." if len(images) > _SHOWN else ""
        raise SpecError(f"{fact}; worker {place.rank} had images {shown}{more}", *_UNSTABLE)
    if answer.broken:
        workers = ", ".join(str(rank) for rank in answer.broken)
        raise ElsewhereError(f"{fact}, of worker {workers}", *_UNSTABLE)
    raise SpecError(f"{fact}, of all workers together", *_UNSTABLE)


def check_variables(
    variables: Mapping[str, Sequence[keras.Variable]], parts: Parts, steps: int
) -> None:
    """Refuse to keep what is not finite, as statistics may become that no loss of a step shows.

    It reads copies that are made anyway, in a tenth of the time that they take.

    Args:
      variables: of each part of a checkpoint.
      parts: the copies: the same on all ranks, which so decide alike.
      steps: that were taken, over the whole training.

    Raises:
      SpecError: a variable is not, with its name.
    """
    for part, own in variables.items():
        for variable, value in zip(own, parts[part], strict=True):
            if not np.isfinite(value).all():
                raise SpecError(f"'{variable.path}' is not finite after {steps} steps", *_UNSTABLE)
