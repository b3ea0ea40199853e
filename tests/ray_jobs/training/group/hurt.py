"""Tasks of a worker: trainings that one worker of the group disturbs, always the last."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf
from ray.train.v2._internal.execution import context
from ray.train.v2._internal.execution.preemption import PreemptionContext

from ray_jobs.contract.errors import SpecError
from ray_jobs.training import watchdog
from ray_jobs.training.checkpoint import Parts
from ray_jobs.training.data.pipeline import Examples
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.notice import Notice
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.watchdog import Watchdog
from tests.ray_jobs.training.group.member import Member, batch_norm_net
from tests.ray_jobs.training.group.tools import FolderKeeper, tools_of
from tests.ray_jobs.training.group.trainings import (
    ONE_PHASE,
    changed,
    losses_of,
    subject_of,
    trained,
)

_HANGING_S = 10
# Until all have told where they are, on a busy machine.
_LAST_WORDS_S = 30


class WarnedKeeper(FolderKeeper):
    """Keeps one after an epoch, and where a notice wishes it.

    One that `is_warned` gets SIGTERM before its second step and takes note of it there, the others
    before their third at the latest.
    """

    def __init__(self, folder: Path, *, is_warned: bool) -> None:
        super().__init__(folder)
        context.set_train_context(SimpleNamespace(preemption_context=PreemptionContext()))
        self._is_chief, self._notice = False, Notice()  # no clock wishes one
        self._is_warned = is_warned
        self.asked, self.wishes = 0, list[int]()

    def is_due(self) -> bool:
        self.asked += 1
        if self._is_warned and self.asked == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.asked == (2 if self._is_warned else 3):
            assert self._notice._signalled.wait(timeout=60)
        if is_due := Keeper.is_due(self):
            self.wishes.append(self.asked)
        return is_due


def warned_training(member: Member) -> dict[str, Any]:
    """Where the last worker gets SIGTERM: the steps that this one wished to keep, and those kept.

    And all that it came to.
    """
    keeper = WarnedKeeper(Path("warned"), is_warned=member.is_last)
    tools, _ = tools_of(member, ONE_PHASE, keeper)
    state = trained(tools, subject_of(tools, batch_norm_net(member.strategy)))
    kept = [one.step for one in keeper.states if one.within]
    return {"wishes": keeper.wishes, "kept": kept, "losses": losses_of(state)}


def broken_training(member: Member) -> dict[str, Any]:
    """Why it ended, by which error, and how many checkpoints it kept.

    The last worker's images are infinite.
    """
    keeper = FolderKeeper(Path("broken"))
    tools, _ = tools_of(member, ONE_PHASE, keeper)
    subject = subject_of(tools, batch_norm_net(member.strategy))
    if member.is_last:
        subject = replace(subject, examples=changed(subject.examples, _infinite))
    try:
        trained(tools, subject)
    except SpecError as error:
        kind, kept = type(error).__name__, len(keeper.states)
        return {"error": str(error), "kind": kind, "kept": kept}
    raise AssertionError("it came to its end")


class WatchedKeeper(FolderKeeper):
    """Keeps one after each step; from the first on it is watched. Before, the step is built."""

    def __init__(self, folder: Path, watchdog: Watchdog, block: ExitStack) -> None:
        super().__init__(folder)
        self._watchdog, self._block = watchdog, block

    def keep(self, state: TrainingState, parts: Parts, first: Callable[[], None]) -> None:
        super().keep(state, parts, first)
        if len(self.states) == 1:
            self._block.enter_context(self._watchdog.watching())


def hanging_training(member: Member) -> None:
    """Never ends, for the last worker reads no image of the second step; the watchdogs end it."""
    watchdog._LAST_WORDS_S = _LAST_WORDS_S
    dog, block = Watchdog(_HANGING_S), ExitStack()
    keeper = WatchedKeeper(Path("hanging"), dog, block)
    tools, _ = tools_of(member, ONE_PHASE, keeper, dog)
    subject = subject_of(tools, batch_norm_net(member.strategy))
    if member.is_last:
        subject = replace(subject, examples=_hanging(subject.examples, subject.share.batch))
    with block:
        trained(tools, subject)


def _infinite(x: tf.Tensor) -> tf.Tensor:
    return tf.cast(x, tf.float32) + np.inf


def _hanging(examples: Examples, batch: int) -> Examples:
    def hang_from_the_second_step(place: np.int64) -> None:
        if place >= batch:
            threading.Event().wait()

    def read(place: tf.Tensor, example: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        tf.numpy_function(hang_from_the_second_step, [place], [])
        return example

    return lambda epoch, skipped: examples(epoch, skipped).enumerate().map(read)
