"""The learning rate, step by step: linear warm-up, a hold, then half a cosine down to zero."""

from __future__ import annotations

import math


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
