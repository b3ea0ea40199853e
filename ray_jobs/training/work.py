"""What each worker of a training does, from its order to the best weights in the store."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.document import ObjectRef
from ray_jobs.entry import log_to_stdout
from ray_jobs.scoring.calibration import calibrate
from ray_jobs.storage import put_content
from ray_jobs.training import checkpoint
from ray_jobs.training.backend import quieten_reports
from ray_jobs.training.checkpoint import Parts, Values
from ray_jobs.training.journal import Journal, open_journal
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.logits import Logits, validation_logits
from ray_jobs.training.loop import PhaseTraining, Tools
from ray_jobs.training.memory import keep_freed_memory
from ray_jobs.training.outcome import Outcome, TrainingState
from ray_jobs.training.phases import phases_of
from ray_jobs.training.strategy import configure_devices, make_strategy, set_precision
from ray_jobs.training.subject import Subject, data_of, prepare
from ray_jobs.training.trace import Trace, WorkerTrace
from ray_jobs.training.worker import Worker

log = logging.getLogger(__name__)


class Trained(NamedTuple):
    """How far a training came, its model with the best weights, and what that says."""

    state: TrainingState
    model: keras.Model
    validation: Logits


def work(config: Mapping[str, str]) -> str | None:
    """Train; the chief keeps the best weights in the store and returns an `Outcome` as JSON."""
    imported = datetime.now(UTC)
    log_to_stdout()
    quieten_reports()
    tf.get_logger().setLevel(logging.WARNING)  # a line for each collective it builds
    keep_freed_memory()
    worker = Worker.from_config(config)
    with worker.watchdog.watching():
        trained = _joined(worker, imported)
    if not worker.is_chief:
        return None
    return _outcome(worker, trained).to_json().decode()


def _joined(worker: Worker, imported: datetime) -> Trained:
    """Meet the others, and train with them."""
    recipe, use_gpu = worker.spec.recipe, worker.spec.resources.use_gpu
    configure_devices(worker.cpus, use_gpu=use_gpu)
    set_precision(recipe.precision, use_gpu=use_gpu)
    strategy = make_strategy(use_gpu=use_gpu)
    with ExitStack() as stack:
        if worker.is_chief:
            stack.enter_context(worker.board.publishing())
        journal = _journal(worker)
        stack.enter_context(journal.publishing())
        trace = _trace(worker, strategy, imported)
        return _trained(Tools(worker, strategy, Keeper(worker), journal, trace))


def _trained(tools: Tools) -> Trained:
    """Train with the others, and ask the best model with them."""
    state, subject = _train(tools)
    largest, told = tools.worker.largest_batch(Split.VAL), tools.worker.watchdog.progress
    logits = validation_logits(tools.strategy, subject, largest, told)
    return Trained(state, subject.whole, logits)


def _train(tools: Tools) -> tuple[TrainingState, Subject]:
    """Every phase, from the last good checkpoint on; the model has the best weights then."""
    phases, data = phases_of(tools.worker.spec.recipe), data_of(tools.worker)
    state, parts = _resumed(tools.keeper) or (TrainingState(phase=phases[0].name), None)
    head: Values | None = None
    for phase in phases[:-1]:
        if state.phase is phase.name and state.epoch < phase.end:
            subject = prepare(tools.worker, tools.strategy, phase, data)
            state, parts = PhaseTraining(tools, subject, phase).run(state, parts), None
            head = checkpoint.values_of(subject.head.weights)
        elif state.phase is phase.name and parts:
            head, parts = parts["best"], None
    subject = prepare(tools.worker, tools.strategy, phases[-1], data)
    if head is not None:
        checkpoint.assign(subject.head.weights, head)
    return PhaseTraining(tools, subject, phases[-1]).run(state, parts), subject


def _resumed(keeper: Keeper) -> tuple[TrainingState, Parts] | None:
    found = keeper.restore()
    if found is None:
        return None
    state, parts = found
    log.info("resumed at step %d, in epoch %d", state.step, state.epoch + 1)
    return state.model_copy(update={"resumed_from_step": state.step}), parts


def _journal(worker: Worker) -> Journal:
    if not worker.is_chief:
        return Journal()
    return open_journal(worker.store, worker.spec.run_id, worker.folder)


def _trace(worker: Worker, strategy: tf.distribute.Strategy, imported: datetime) -> Trace:
    trace = WorkerTrace(
        rank=worker.rank,
        workers=worker.world,
        replicas=strategy.num_replicas_in_sync,
        reached={"imported": imported, "joined": datetime.now(UTC)},
    )
    return Trace(worker.store, worker.spec.run_id, trace)


def _outcome(worker: Worker, trained: Trained) -> Outcome:
    return Outcome(
        state=trained.state,
        weights=_publish_weights(worker, trained.model),
        calibration=calibrate(*trained.validation),
        workers=worker.world,
    )


def _publish_weights(worker: Worker, model: keras.Model) -> ObjectRef:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        data = path.read_bytes()
    name = f"weights/{hashlib.sha256(data).hexdigest()}.weights.h5"
    return put_content(worker.store, keys.run(worker.spec.run_id, name), data)
