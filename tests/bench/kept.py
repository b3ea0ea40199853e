"""One worker of a training whose checkpoints are timed: real ones, in a job of Ray Train."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from statistics import median

import keras

from ray_jobs.contract.run import Resources
from ray_jobs.training.backend import quieten_reports
from ray_jobs.training.checkpoint import Parts, values_of
from ray_jobs.training.journal import Journal
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.loop import PhaseTraining, Tools
from ray_jobs.training.memory import keep_freed_memory
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.phases import Phase, phases_of
from ray_jobs.training.strategy import configure_devices, make_strategy
from ray_jobs.training.subject import Subject, data_of, prepare
from ray_jobs.training.trace import Trace, WorkerTrace
from ray_jobs.training.worker import Worker
from tests.bench.trainee import Clock, worker_of
from tests.bench.turns import Setting

SOON_S = 5.0


class TimedKeeper(Keeper):
    """Says how long each checkpoint has held the training up: the barrier, no more."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.held_up_s: list[float] = []
        self.kept_at: list[float] = []

    def keep(self, state: TrainingState, parts: Parts, first: Callable[[], None]) -> None:
        started = time.monotonic()
        super().keep(state, parts, first)
        self.kept_at.append(time.monotonic())
        self.held_up_s.append(self.kept_at[-1] - started)


class TimedTraining(PhaseTraining):
    """Says how long each checkpoint took with the copies it is made of."""

    def __init__(self, tools: Tools, subject: Subject, phase: Phase) -> None:
        super().__init__(tools, subject, phase)
        self.kept_s: list[float] = []

    def _keep(self, state: TrainingState) -> None:
        started = time.monotonic()
        super()._keep(state)
        self.kept_s.append(time.monotonic() - started)


def timed(config: Mapping[str, str]) -> str:
    """Train; the chief's times as JSON."""
    keep_freed_memory()
    quieten_reports()
    setting = Setting(**json.loads(config["setting"]))
    configure_devices(setting.cpus, use_gpu=False)
    keras.utils.set_random_seed(1)
    strategy, clock = make_strategy(use_gpu=False), Clock(setting.batch)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        worker = every(float(config["every_s"]), worker_of(setting, clock))
        phase = phases_of(worker.spec.recipe)[-1]
        subject = prepare(worker, strategy, phase, data_of(worker))
        keeper = TimedKeeper(worker)
        trace = WorkerTrace(rank=worker.rank, workers=worker.world, replicas=worker.world)
        tools = Tools(worker, strategy, keeper, Journal(), Trace(worker.store, "bench", trace))
        training = TimedTraining(tools, subject, phase)
        state = training.run(TrainingState(), None)
    ended = time.monotonic()
    values_of(subject.kept.weights)
    best_s, wall_s = time.monotonic() - ended, ended - clock.ends[1]
    found = {
        "part": (sum(training.kept_s) + best_s * len(state.history)) / wall_s,
        "wall_s": wall_s,
        "kept_s": training.kept_s,
        "held_up_s": keeper.held_up_s,
        "best_s": best_s,
        "step_s": step_s(clock.ends[1:], keeper.kept_at),
    }
    return json.dumps(found)


def step_s(ends: list[float], kept_at: list[float]) -> list[float | None]:
    """The median step of those that end soon after a checkpoint, and of the others."""
    near, far = list[float](), list[float]()
    for before, end in pairwise(ends):
        if any(before < at < end for at in kept_at):
            continue
        soon = any(0 < end - at < SOON_S for at in kept_at)
        (near if soon else far).append(end - before)
    return [median(steps) if steps else None for steps in (near, far)]


def every(seconds: float, worker: Worker) -> Worker:
    """The worker, with a checkpoint so often."""
    resources = Resources(
        workers_min=worker.world, workers_max=worker.world, checkpoint_minutes=seconds / 60
    )
    return replace(worker, spec=worker.spec.model_copy(update={"resources": resources}))
