"""The training loop, as each worker runs it: epochs of steps, with checkpoints between.

Every rank takes the same steps and makes the same reports, in the same order: a collective or a
report that one rank leaves out is one that the others wait for.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ray_jobs.contract.training import EpochMetrics
from ray_jobs.training import checkpoint
from ray_jobs.training.answer import Sums, as_answer, as_judgement
from ray_jobs.training.checkpoint import Parts, Values
from ray_jobs.training.data import pipeline
from ray_jobs.training.finite import Place, check_step, check_variables
from ray_jobs.training.journal import Journal
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.masks import draw_apart, states_of
from ray_jobs.training.outcome import TrainingState, Within, is_stuck
from ray_jobs.training.phases import Phase, PhaseName
from ray_jobs.training.rates import TabledRate, make_optimizer
from ray_jobs.training.schedule import plateau_factor, rate_table
from ray_jobs.training.step import Rules, make_averaging, make_evaluation_step, make_train_step
from ray_jobs.training.subject import Subject
from ray_jobs.training.trace import Trace
from ray_jobs.training.watch import Watch
from ray_jobs.training.worker import Worker


class Tools(NamedTuple):
    """What every phase works with."""

    worker: Worker
    strategy: tf.distribute.Strategy
    keeper: Keeper
    journal: Journal
    trace: Trace


class PhaseTraining:
    """One worker's training in one phase."""

    def __init__(self, tools: Tools, subject: Subject, phase: Phase) -> None:
        worker, strategy, self._keeper, self._journal, self._trace = tools
        self._worker, self._subject, self._phase = worker, subject, phase
        self._recipe = recipe = worker.spec.recipe
        self._steps = subject.share.steps
        self._rates = rate_table(phase.schedule, epochs=phase.epochs, steps=self._steps)
        with strategy.scope():
            self._rate = TabledRate(self._rates)
            self._optimizer = make_optimizer(recipe.optimizer, self._rate, ema=recipe.ema)
            self._optimizer.build(subject.net.trainable_variables)
        rules = Rules(
            smoothing=recipe.label_smoothing,
            clipnorm=recipe.optimizer.clipnorm,
            mixup=phase.augment.mixup > 0,
            accumulate=recipe.accumulate,
        )
        self._train_step = make_train_step(strategy, subject.net, self._optimizer, rules)
        self._evaluation_step = make_evaluation_step(
            strategy, subject.net, smoothing=recipe.label_smoothing
        )
        part = subject.share.batch / recipe.batch_size
        self._average = make_averaging(strategy, subject.net, part)
        draw_apart(subject.net, worker.rank)
        self._best: Values = []
        self._watch = Watch(worker, self._journal)

    def run(self, state: TrainingState, parts: Parts | None) -> TrainingState:
        """Train to the end of the phase; `subject.kept` has the best weights then.

        Args:
          state: where the training stands.
          parts: of the checkpoint that says so, where it is of this phase.
        """
        if parts is not None:
            self._restore(state, parts)
        kept = self._subject.kept.weights
        self._best = parts["best"] if parts else checkpoint.values_of(kept)
        state = state.model_copy(update={"phase": self._phase.name})
        self._watch.begin(steps=self._steps, state=state)
        self._trace.reached("prepared")
        while state.epoch < self._phase.end and not self._is_stuck(state):
            state = self._epoch(state)
        checkpoint.assign(kept, self._best)
        return state

    def _restore(self, state: TrainingState, parts: Parts) -> None:
        net = self._subject.net
        checkpoint.assign(self._subject.kept.weights, parts["net"])
        checkpoint.assign(states_of(net), parts.get("masks", []))
        draw_apart(net, self._worker.rank)  # they were the chief's
        checkpoint.assign(self._optimizer.variables, parts["optimizer"])
        # An epoch has other steps where there are more or fewer workers than before.
        done = (state.epoch - self._phase.first) * self._steps + state.done_of(self._steps)
        checkpoint.assign([self._optimizer.iterations], [np.array(done)])

    def _is_stuck(self, state: TrainingState) -> bool:
        if self._phase.name is PhaseName.HEAD:
            return False
        return is_stuck(state.history, self._phase.first, self._recipe.early_stop)

    def _epoch(self, state: TrainingState) -> TrainingState:
        """One epoch, or what is left of it: trained, judged, and kept."""
        started = time.monotonic()
        factor = self._factor(state)
        self._rate.factor.assign(factor)
        trained = self._train(state)
        trained_s = time.monotonic() - started
        self._average()
        with self._averaged_weights():
            val = self._evaluate(state.epoch + 1)
            metrics = self._metrics(state, trained, val, factor, trained_s)
            state = state.after(metrics, trained.images, time.monotonic() - started)
            if state.best_epoch == state.epoch:
                self._best = checkpoint.values_of(self._subject.kept.weights)
        self._watch.epoch(metrics)
        self._keep(state)
        self._trace.epoch(state.epoch, checkpoint.digest_of(self._subject.net.weights))
        return state

    def _factor(self, state: TrainingState) -> float:
        if self._phase.schedule.kind != "plateau":
            return 1.0
        losses = [epoch.val_loss for epoch in state.history[self._phase.first :]]
        return plateau_factor(losses, self._phase.schedule.patience)

    def _train(self, state: TrainingState) -> Sums:
        """The steps of an epoch that are left: the sums over all workers of all its steps."""
        share, started = self._subject.share, time.monotonic()
        done = state.done_of(share.steps)
        # Each worker reads its own, and none is distributed: see `memory`.
        batches = pipeline.training_batches(self._subject.examples, state.epoch, share, done)
        within = state.within
        total = Sums(within.loss, within.correct, within.images) if within else Sums(0.0, 0.0, 0.0)
        for step, (x, labels, shares, own, weights) in enumerate(batches, done + 1):
            wish = tf.constant(float(self._keeper.is_due()))
            answer = as_answer(self._train_step((x, labels, shares, weights), wish))
            images = _named(self._subject.samples, own, weights)
            check_step(answer, Place(state.epoch + 1, step, self._worker.rank), images)
            total = total.plus(answer.sums)
            self._trace.saw(images)
            self._watch.step(state.epoch * share.steps + step, answer.rate, answer.sums, total)
            # After the last step too: validation may take longer than a worker is left.
            if answer.is_wanted:
                self._average()
                within = Within(done=step, steps=share.steps, **total._asdict())
                self._keep(state.up_to(within, time.monotonic() - started))
        return total

    @contextmanager
    def _averaged_weights(self) -> Generator[None]:
        """The network has the averages that the optimizer keeps, if it does, until the end."""
        if not self._recipe.ema:
            yield
            return
        learnt = self._subject.net.trainable_variables
        own = checkpoint.values_of(learnt)
        checkpoint.assign(learnt, checkpoint.averages_of(self._optimizer))
        yield
        checkpoint.assign(learnt, own)

    def _evaluate(self, epoch: int) -> Sums:
        batches = pipeline.evaluation_batches(self._subject.val, self._subject.val_share)
        total = Sums(0.0, 0.0, 0.0)
        for step, (x, labels, own, weights) in enumerate(batches, 1):
            answer = as_judgement(self._evaluation_step((x, labels, weights)))
            place = Place(epoch, step, self._worker.rank, is_validation=True)
            check_step(answer, place, _named(self._subject.val_samples, own, weights))
            total = total.plus(answer.sums)
            self._worker.watchdog.progress()
        return total

    def _metrics(
        self, state: TrainingState, trained: Sums, val: Sums, factor: float, seconds: float
    ) -> EpochMetrics:
        epoch = state.epoch + 1
        already = state.within.images if state.within else 0.0
        return EpochMetrics(
            epoch=epoch,
            step=epoch * self._steps,
            learning_rate=self._rates[(epoch - self._phase.first) * self._steps - 1] * factor,
            loss=trained.loss / trained.images,
            accuracy=trained.correct / trained.images,
            val_loss=val.loss / val.images,
            val_accuracy=val.correct / val.images,
            images_per_s=(trained.images - already) / seconds,
        )

    def _keep(self, state: TrainingState) -> None:
        variables = {
            "net": self._subject.kept.weights,
            "masks": states_of(self._subject.net),
            "optimizer": self._optimizer.variables,
        }
        parts = {part: checkpoint.values_of(own) for part, own in variables.items()}
        check_variables(variables, parts, state.step)
        # What is put first is not lost with a process that dies after the checkpoint.
        self._keeper.keep(state, parts | {"best": self._best}, first=self._journal.put)


def _named(samples: Sequence[str], rows: tf.Tensor, weights: tf.Tensor) -> list[str]:
    """The images of a batch, without the places that only fill up."""
    return [samples[int(row)] for row in rows.numpy()[weights.numpy() > 0]]
