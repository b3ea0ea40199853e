"""The learning rate, step by step: a linear warm-up, a hold, then what the kind says. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ray_jobs.contract.recipe import Schedule

# As Keras's ReduceLROnPlateau has them, but for its factor: the lesson divides by 10.
_PROGRESS = 1e-4
_FACTOR = 0.1


def warmup_cosine(
    step: int,
    *,
    base_lr: float,
    total_steps: int,
    warmup_lr: float = 0.0,
    warmup_steps: int = 0,
    hold_steps: int = 0,
) -> float:
    """The learning rate of one step.

    With S = total - warmup - hold: rises from `warmup_lr` to `base_lr` in the warm-up, stays there
    to the end of the hold, then falls as 0.5 * base_lr * (1 + cos(pi * t / S)); past the total: 0.
    Source: Loshchilov and Hutter 2017 (SGDR), one cycle; the warm-up of Goyal et al. 2017.

    Args:
      step: counts from 0.
      base_lr: the peak.
      total_steps: steps of the whole training.
      warmup_lr: the rate of step 0, where there is a warm-up.
      warmup_steps: steps of the warm-up.
      hold_steps: steps at the peak after the warm-up.

    Raises:
      ValueError: total_steps is less than warm-up and hold, or base_lr less than warmup_lr.

    >>> [warmup_cosine(s, base_lr=0.4, total_steps=8, warmup_steps=2, hold_steps=2)
    ...  for s in (0, 1, 2, 3, 4, 6, 8)]
    [0.0, 0.2, 0.4, 0.4, 0.4, 0.2, 0.0]
    >>> warmup_cosine(1, base_lr=0.4, total_steps=2, warmup_steps=2)
    0.2
    """
    if total_steps < warmup_steps + hold_steps:
        raise ValueError(
            f"total_steps is {total_steps}; expected at least warm-up and hold, "
            f"{warmup_steps} + {hold_steps}. Train longer or warm up less."
        )
    if warmup_steps > 0 and base_lr < warmup_lr:
        raise ValueError(
            f"base_lr is {base_lr}; expected at least warmup_lr, {warmup_lr}. Raise base_lr."
        )
    if step < warmup_steps:
        return warmup_lr + (base_lr - warmup_lr) * step / warmup_steps
    fall_from = warmup_steps + hold_steps
    if step > total_steps:
        return 0.0
    if step <= fall_from:
        return base_lr
    return 0.5 * base_lr * (1 + math.cos(math.pi * (step - fall_from) / (total_steps - fall_from)))


def rate_table(schedule: Schedule, *, epochs: int, steps: int) -> list[float]:
    """The rate of every step, from 0 to the total; `steps` are those of an epoch.

    A plateau's rates are those of a training without any: see `plateau_factor`.
    """
    total = epochs * steps
    # The end of the hold is rounded, not its length: the two together never pass the total.
    warmup = round(schedule.warmup_epochs * steps)
    hold = round((schedule.warmup_epochs + schedule.hold_epochs) * steps) - warmup
    if schedule.kind != "warmup-cosine":
        hold = total - warmup
    return [
        warmup_cosine(
            step,
            base_lr=schedule.base_lr,
            total_steps=total,
            warmup_lr=schedule.warmup_lr,
            warmup_steps=warmup,
            hold_steps=hold,
        )
        for step in range(total + 1)
    ]


def plateau_factor(losses: Iterable[float], patience: int) -> float:
    """What the rate is multiplied by, after epochs with these validation losses.

    A tenth for each time that the least loss has not fallen by more than 1e-4 for `patience`
    epochs; then it is waited as long again.

    >>> plateau_factor([1.0, 0.5, 0.5, 0.6], patience=2)
    0.1
    >>> plateau_factor([1.0, 0.5, 0.5, 0.4], patience=2)
    1.0
    """
    least, waited, factor = math.inf, 0, 1.0
    for loss in losses:
        if loss < least - _PROGRESS:
            least, waited = loss, 0
            continue
        waited += 1
        if waited == patience:
            factor, waited = factor * _FACTOR, 0
    return factor
