"""The training loop, as each worker runs it: epochs of steps, a checkpoint after each.

Every rank takes the same steps and makes the same reports, in the same order: a collective or a
report that one rank leaves out is one that the others wait for.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

import numpy as np
import ray.train
import tensorflow as tf

from ray_jobs.contract.run import EpochMetrics
from ray_jobs.training import checkpoint
from ray_jobs.training.checkpoint import Values
from ray_jobs.training.data import pipeline
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.rates import make_optimizer, rate_table
from ray_jobs.training.step import (
    Sums,
    as_sums,
    make_averaging,
    make_evaluation_step,
    make_train_step,
)
from ray_jobs.training.subject import Subject
from ray_jobs.training.watch import Watch
from ray_jobs.training.worker import Worker, WorkerTrace

log = logging.getLogger(__name__)


class Training:
    """One worker's training of a subject; `run` leaves the best weights in `subject.net`."""

    def __init__(self, worker: Worker, strategy: tf.distribute.Strategy, subject: Subject) -> None:
        self._worker, self._strategy, self._subject = worker, strategy, subject
        self._recipe = recipe = worker.spec.recipe
        self._steps = subject.share.steps
        self._rates = rate_table(recipe.schedule, epochs=recipe.epochs, steps=self._steps)
        with strategy.scope():
            self._optimizer = make_optimizer(recipe.optimizer, self._rates)
            self._optimizer.build(subject.net.trainable_variables)
        self._train_step = make_train_step(
            strategy,
            subject.net,
            self._optimizer,
            smoothing=recipe.label_smoothing,
            clipnorm=recipe.optimizer.clipnorm,
            mixup=recipe.augment.mixup > 0,
        )
        self._evaluation_step = make_evaluation_step(
            strategy, subject.net, smoothing=recipe.label_smoothing
        )
        self._average = make_averaging(strategy, subject.net)

    def run(self) -> TrainingState:
        """Train to the last epoch, from the last checkpoint on where there is one."""
        state, best = self._restore()
        epochs = range(state.epoch, self._recipe.epochs)
        watch = Watch(self._worker, steps=self._steps, epoch=state.epoch)
        trace = self._new_trace(epochs)
        for epoch in epochs:
            started = time.monotonic()
            trained, rows = self._train(epoch, watch)
            self._average()
            metrics = self._metrics(epoch, trained, self._evaluate(), started)
            state = state.after(metrics, trained.images, time.monotonic() - started)
            if state.best_epoch == state.epoch:
                best = checkpoint.values_of(self._subject.net.weights)
            trace = self._leave(trace, rows)
            self._report(state, best)
            watch.epoch(metrics)
        checkpoint.assign(self._subject.net.weights, best)
        return state

    def _restore(self) -> tuple[TrainingState, Values]:
        net = self._subject.net
        found = ray.train.get_checkpoint()
        if found is None:
            return TrainingState(), checkpoint.values_of(net.weights)
        with found.as_directory() as folder:
            state, parts = checkpoint.load(Path(folder))
        checkpoint.assign(net.variables, parts["net"])
        checkpoint.assign(self._optimizer.variables, parts["optimizer"])
        # An epoch has other steps where there are more or fewer workers than before.
        checkpoint.assign([self._optimizer.iterations], [np.array(state.epoch * self._steps)])
        log.info("resumed after epoch %d, step %d", state.epoch, state.step)
        if state.epoch < self._recipe.epochs:
            state = state.model_copy(update={"resumed_from_step": state.step})
        return state, parts["best"]

    def _train(self, epoch: int, watch: Watch) -> tuple[Sums, list[int]]:
        """One epoch: the sums over all workers, and the rows that this worker saw."""
        examples, share = self._subject.examples, self._subject.share
        batches = self._strategy.distribute_datasets_from_function(
            lambda _: pipeline.training_batches(examples, epoch, share)
        )
        total, rows = Sums(0.0, 0.0, 0.0), list[int]()
        for step, (x, labels, shares, own, weights) in enumerate(batches, epoch * self._steps):
            total = total.plus(as_sums(self._train_step((x, labels, shares, weights))))
            rows += self._real_rows(own, weights)
            watch.step(step + 1, self._rates[step], total)
        return total, rows

    def _real_rows(self, rows: tf.Tensor, weights: tf.Tensor) -> list[int]:
        local = self._strategy.experimental_local_results
        pairs = zip(local(rows), local(weights), strict=True)
        return [row for r, w in pairs for row in tf.boolean_mask(r, w > 0).numpy().tolist()]

    def _evaluate(self) -> Sums:
        examples, share = self._subject.val, self._subject.val_share
        batches = self._strategy.distribute_datasets_from_function(
            lambda _: pipeline.evaluation_batches(examples, share)
        )
        total = Sums(0.0, 0.0, 0.0)
        for x, labels, _, weights in batches:
            total = total.plus(as_sums(self._evaluation_step((x, labels, weights))))
        return total

    def _metrics(self, epoch: int, trained: Sums, val: Sums, started: float) -> EpochMetrics:
        step = (epoch + 1) * self._steps
        return EpochMetrics(
            epoch=epoch + 1,
            step=step,
            learning_rate=self._rates[step - 1],
            loss=trained.loss / trained.images,
            accuracy=trained.correct / trained.images,
            val_loss=val.loss / val.images,
            val_accuracy=val.correct / val.images,
            images_per_s=trained.images / (time.monotonic() - started),
        )

    def _report(self, state: TrainingState, best: Values) -> None:
        """Commit the epoch: a barrier. The chief's checkpoint speaks for all."""
        metrics = state.history[-1].model_dump()
        if not self._worker.is_chief:
            ray.train.report(metrics)
            return
        parts = {
            "net": checkpoint.values_of(self._subject.net.variables),
            "optimizer": checkpoint.values_of(self._optimizer.variables),
            "best": best,
        }
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.save(Path(folder), state, parts)
            ray.train.report(metrics, ray.train.Checkpoint.from_directory(folder))

    def _new_trace(self, epochs: range) -> WorkerTrace:
        return WorkerTrace(
            rank=self._worker.rank,
            workers=self._worker.world,
            replicas=self._strategy.num_replicas_in_sync,
            first_epoch=epochs.start + 1,
        )

    def _leave(self, trace: WorkerTrace, rows: list[int]) -> WorkerTrace:
        samples = trace.samples or tuple(self._subject.samples[row] for row in sorted(rows))
        weights = (*trace.weights, checkpoint.digest_of(self._subject.net.weights))
        trace = trace.model_copy(update={"samples": samples, "weights": weights})
        self._worker.leave_trace(trace)
        return trace
