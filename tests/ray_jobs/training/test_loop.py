"""A phase of a training, whose checkpoints are kept in memory: none is lost, none is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.recipe import NO_AUGMENT, Optimizer, Recipe, Schedule
from ray_jobs.recipes import catalog
from ray_jobs.training.data.share import Share
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.phases import phases_of
from ray_jobs.training.step_log import StepMetrics
from ray_jobs.training.watchdog import Watchdog
from tests.fakes import InMemoryStore

pytestmark = pytest.mark.tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(22, 8)).astype(np.float32)
LABELS = RNG.integers(0, 3, 22)
CODES = np.eye(3, dtype=np.float32)[LABELS]
# Six steps of four images, the last of two.
SHARE = Share((), records=22, batch=4, steps=6)
RECIPE = catalog.resolve(
    "b0_scratch", {"epochs": 2, "batch_size": 4, "trainable": "head", "schedule.warmup_epochs": 1}
)

SMOOTHING = {"smoothing": RECIPE.label_smoothing}


class Rows:
    """A log that keeps the rows of a training."""

    def __init__(self) -> None:
        self.rows: list[StepMetrics] = []

    def step(self, metrics: StepMetrics) -> None:
        self.rows.append(metrics)

    def epoch(self, metrics: object) -> None: ...

    def put(self) -> None: ...


def in_memory(due: Callable[[int], bool]):
    """A keeper that holds all that it is given, and is due at some steps, counted from 1."""
    from ray_jobs.training.keeper import Keeper

    class InMemory(Keeper):
        def __init__(self) -> None:
            self.kept, self.asked = [], 0

        def is_due(self) -> bool:
            self.asked += 1
            return due(self.asked)

        def keep(self, state, parts, first) -> None:
            self.kept.append((state, parts))

    return InMemory()


def subject(strategy):
    """A head that learns on a frozen backbone that drops, of its own random state."""
    import keras

    from ray_jobs.training.data import pipeline
    from ray_jobs.training.subject import Subject

    keras.utils.set_random_seed(1)
    with strategy.scope():
        features = keras.Input((8,))
        backbone = keras.Model(features, keras.layers.Dropout(0.5, seed=5)(features))
        inputs = keras.Input((8,))
        dropped = keras.layers.Dropout(0.3, seed=3)(inputs)
        head = keras.Model(inputs, keras.layers.Dense(3)(dropped))
        net = keras.Model(backbone.input, head(backbone.output))
    return Subject(
        net=net,
        kept=head,
        head=head,
        whole=net,
        share=SHARE,
        examples=pipeline.shuffled_feature_examples(X, LABELS, seed=1),
        val_share=SHARE,
        val=pipeline.feature_examples(X, LABELS),
        samples=[f"{row:02}" * 32 for row in range(22)],
        val_samples=[f"{row:02x}" * 32 for row in range(100, 122)],
    )


def normalised_subject(strategy, x):
    """A batch norm and a head, which learn both, on what is given."""
    import keras

    from ray_jobs.training.data import pipeline

    keras.utils.set_random_seed(1)
    with strategy.scope():
        layers = [keras.Input((8,)), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
        net = keras.Sequential(layers)
    examples = pipeline.shuffled_feature_examples(x, LABELS, seed=1)
    own = {"net": net, "kept": net, "head": net, "whole": net, "examples": examples}
    return replace(subject(strategy), **own)


def clear_subject(strategy, wanted=LABELS):
    """A head that learns each label from a code of its own, surer with every step.

    It starts at zero. Validation wants the labels that are given.
    """
    import keras

    from ray_jobs.training.data import pipeline

    with strategy.scope():
        head = keras.layers.Dense(3, kernel_initializer="zeros")
        net = keras.Sequential([keras.Input((3,)), head])
    examples = pipeline.shuffled_feature_examples(CODES, LABELS, seed=1)
    own = {"net": net, "kept": net, "head": net, "whole": net, "examples": examples}
    return replace(subject(strategy), **own, val=pipeline.feature_examples(CODES, wanted))


def worsening_subject(strategy):
    """One whose validation wants other labels than it learns: the first epoch is the best."""
    return clear_subject(strategy, (LABELS + 1) % 3)


class Ended(NamedTuple):
    """A training that came to its end."""

    state: TrainingState
    steps: list[tuple[int, float, float, int]]
    rows: list[StepMetrics]
    kept: list[np.ndarray]


def trained(
    keeper, state: TrainingState | None = None, parts=None, *, recipe=RECIPE, make=subject
) -> Ended:
    """Train to the end, alone: the state then, the rows of the steps, and what is kept."""
    import tensorflow as tf

    from ray_jobs.training.checkpoint import values_of
    from ray_jobs.training.journal import Journal
    from ray_jobs.training.loop import PhaseTraining, Tools
    from ray_jobs.training.trace import Trace, WorkerTrace

    worker = SimpleNamespace(
        rank=0,
        spec=SimpleNamespace(recipe=recipe, run_id="r"),
        is_chief=False,
        show=lambda progress: None,
        watchdog=Watchdog(limit_s=float("inf")),
    )
    rows, strategy = Rows(), tf.distribute.OneDeviceStrategy("CPU:0")
    trace = Trace(InMemoryStore(), "r", WorkerTrace(rank=0, workers=1, replicas=1))
    tools = Tools(worker, strategy, keeper, Journal(rows), trace)
    (phase,) = phases_of(recipe)
    trainee = make(strategy)
    ended = PhaseTraining(tools, trainee, phase).run(state or TrainingState(), parts)
    steps = [(row.step, row.loss, row.accuracy, row.images) for row in rows.rows]
    return Ended(ended, steps, rows.rows, values_of(trainee.kept.weights))


def changed(**keys) -> Recipe:
    """The recipe with other values; a rate that never changes, of plain steps."""
    schedule = Schedule(kind=keys.pop("kind", "constant"), base_lr=0.1, patience=1)
    plain = Optimizer(name="sgd", momentum=0.0, clipnorm=keys.pop("clipnorm", None))
    return RECIPE.model_copy(
        update={"schedule": schedule, "optimizer": plain, "augment": NO_AUGMENT} | keys
    )


def loss_of(kept: list[np.ndarray], labels: np.ndarray) -> float:
    """The mean cross-entropy of all images, of a kernel and a bias."""
    kernel, bias = kept
    powers = np.exp(CODES @ kernel + bias)
    return float(-np.log(powers[range(22), labels] / powers.sum(axis=1)).mean())


def losses_of(ended: Ended) -> list[float]:
    return [epoch.val_loss for epoch in ended.state.history]


def never(step: int) -> bool:
    return False


def always(step: int) -> bool:
    return True


@pytest.fixture(scope="module")
def quiet():
    return trained(in_memory(never))


@pytest.mark.parametrize("at", [2, 6, 9])
def test_a_training_goes_on_from_any_step_as_if_it_had_not_stopped(quiet, at: int):
    hurt = in_memory(lambda step: step == at)
    trained(hurt)
    state, parts = next(kept for kept in hurt.kept if kept[0].step == at)
    again = trained(in_memory(never), state, parts)
    assert again.steps == [row for row in quiet.steps if row[0] > at]
    assert losses_of(again) == losses_of(quiet)


def test_a_wish_at_the_last_step_of_an_epoch_is_kept_before_validation():
    keeper = in_memory(lambda step: step == 6)
    trained(keeper)
    (within, _), (after, _), *_ = keeper.kept
    assert (within.within.done, within.within.steps, within.epoch) == (6, 6, 0)
    assert (after.within, after.epoch) == (None, 1)


def test_the_rate_that_is_written_down_is_the_one_that_the_optimizer_took(quiet):
    from ray_jobs.training.schedule import rate_table

    # Up from 0 in the first epoch of six steps, then down.
    rates = rate_table(RECIPE.schedule, epochs=2, steps=6)[:12]
    assert rates[0] < rates[5] > rates[11]
    assert [row.learning_rate for row in quiet.rows] == pytest.approx(rates, rel=1e-6)


def test_a_rate_that_is_not_the_tables_is_written_down_as_it_is(quiet, monkeypatch):
    from ray_jobs.training import loop

    class Half(loop.TabledRate):
        def __call__(self, step):
            return super().__call__(step) / 2

    monkeypatch.setattr(loop, "TabledRate", Half)
    halves = trained(in_memory(never)).rows
    assert [row.learning_rate for row in halves] == [row.learning_rate / 2 for row in quiet.rows]


def test_statistics_that_break_within_an_epoch_are_not_kept_and_what_was_before_is():
    x = X.copy()
    x[21] = 1e30  # its square is no float32: the variance is inf, all outputs and gradients are 0
    keeper = in_memory(always)
    with pytest.raises(SpecError, match=r"moving_variance' is not finite after \d steps") as caught:
        trained(keeper, make=partial(normalised_subject, x=x))
    broke = int(caught.value.fact.split()[-2])
    assert 1 < broke < 6  # within the first epoch
    assert [state.step for state, _ in keeper.kept] == list(range(1, broke))
    for _, parts in keeper.kept:
        assert all(np.isfinite(value).all() for part in parts.values() for value in part)


@pytest.mark.parametrize("at", [None, 9])
def test_what_is_kept_is_of_the_best_epoch_and_not_of_the_last(at: int | None):
    keeper = in_memory(lambda step: step == at)
    ended = trained(keeper, recipe=changed(), make=worsening_subject)
    after = {state.step: parts for state, parts in keeper.kept}
    if at is not None:  # taken up again within the second epoch
        state = next(state for state, _ in keeper.kept if state.step == at)
        ended = trained(
            in_memory(never), state, after[at], recipe=changed(), make=worsening_subject
        )
    assert ended.state.best_epoch == 1
    for kept, first, last in zip(ended.kept, after[6]["net"], after[12]["net"], strict=True):
        np.testing.assert_array_equal(kept, first)
        assert not np.array_equal(kept, last)


def test_averages_are_judged_and_kept_and_training_goes_on_without_them():
    averaging, plain = in_memory(always), in_memory(always)
    recipe = changed(label_smoothing=0.0)
    with_ema = recipe.model_copy(update={"ema": 0.9})
    ended = trained(averaging, recipe=with_ema, make=clear_subject)
    trained(plain, recipe=recipe, make=clear_subject)
    for (_, with_averages), (_, without) in zip(averaging.kept, plain.kept, strict=True):
        for own, other in zip(with_averages["net"], without["net"], strict=True):
            np.testing.assert_array_equal(own, other)
    (_, last) = averaging.kept[-1]
    averages = last["optimizer"][-2:]
    assert ended.state.best_epoch == 2
    assert losses_of(ended)[-1] == pytest.approx(loss_of(averages, LABELS), rel=1e-5)
    assert losses_of(ended)[-1] != pytest.approx(loss_of(last["net"], LABELS), rel=1e-3)
    for kept, average in zip(ended.kept, averages, strict=True):
        np.testing.assert_array_equal(kept, average)


@pytest.mark.parametrize(
    ("recipe", "rule"),
    [
        (changed(label_smoothing=0.3), {"smoothing": 0.3}),
        (changed(clipnorm=0.7), {"clipnorm": 0.7}),
        (changed(augment=NO_AUGMENT.model_copy(update={"mixup": 0.2})), {"mixup": True}),
        (changed(accumulate=2), {"accumulate": 2}),
    ],
)
def test_what_a_recipe_says_of_a_step_reaches_the_step(monkeypatch, recipe: Recipe, rule):
    from ray_jobs.training import loop

    seen, make = [], loop.make_train_step

    def told(strategy, net, optimizer, rules):
        seen.append(rules)
        return make(strategy, net, optimizer, rules)

    monkeypatch.setattr(loop, "make_train_step", told)
    trained(in_memory(never), recipe=recipe.model_copy(update={"epochs": 1}))
    assert [one._asdict() for one in seen] == [loop.Rules()._asdict() | SMOOTHING | rule]


def test_a_plateau_of_an_epoch_takes_the_rate_down_to_a_tenth():
    recipe = changed(kind="plateau", epochs=3)
    ended = trained(in_memory(never), recipe=recipe, make=worsening_subject)
    rates = [0.1] * 12 + [0.01] * 6  # the second epoch is worse than the first
    assert [row.learning_rate for row in ended.rows] == pytest.approx(rates)
    told = [epoch.learning_rate for epoch in ended.state.history]
    assert told == pytest.approx([0.1, 0.1, 0.01])


def test_a_training_that_grows_no_better_ends_early():
    recipe = changed(epochs=5, early_stop=2)
    ended = trained(in_memory(never), recipe=recipe, make=worsening_subject)
    assert (ended.state.best_epoch, ended.state.epoch, len(ended.rows)) == (1, 3, 18)


def test_a_validation_image_that_breaks_is_named_with_its_step():
    from ray_jobs.training.data import pipeline

    x = X.copy()
    x[9] = np.inf  # in the third batch of four; 108 is 6c
    spoiled = pipeline.feature_examples(x, LABELS)
    told = "the loss is nan, at step 3 of the validation after epoch 1; worker 0 had images 6c6c6c"
    keeper = in_memory(never)
    with pytest.raises(SpecError, match=told):
        trained(keeper, make=lambda strategy: replace(subject(strategy), val=spoiled))
    assert keeper.kept == []
