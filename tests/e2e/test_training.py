"""Trainings on the real stack: two workers that hold one model, and one of them killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.recipes import catalog
from ray_jobs.storage import read_document
from ray_jobs.training.trace import WorkerTrace
from tests.e2e.training_lab import (
    LOSS_TOLERANCE,
    Lab,
    hold_against,
    ids_of,
    steps_of,
    write_dataset,
)
from tests.ray_jobs.training.test_journal import events

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

# Small in every direction but the epochs: a kill must find it in the middle.
PROBE = catalog.resolve("lite0_probe", {"image_px": 32, "epochs": 25, "batch_size": 8})
SCRATCH = catalog.resolve(
    "b0_scratch",
    {"backbone": "efficientnet-lite0", "image_px": 32, "epochs": 3, "batch_size": 16},
)

RUNS = pytest.mark.parametrize(
    "run", ["undisturbed", pytest.param("from_scratch", marks=pytest.mark.faults)]
)


@pytest.fixture(scope="module")
def lab(stack: Stack) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        store = stack.settings().store("admin")
        write_dataset(store)
        yield Lab(stack, store)


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> tuple[RunSpec, TrainingResult]:
    return finished(lab, "undisturbed", PROBE)


@pytest.fixture(scope="module")
def from_scratch(lab: Lab) -> tuple[RunSpec, TrainingResult]:
    return finished(lab, "scratch", SCRATCH)


def finished(lab: Lab, run_id: str, recipe: Recipe) -> tuple[RunSpec, TrainingResult]:
    spec = lab.order(run_id, recipe)
    return spec, lab.succeeded(lab.submit(spec))


def traces(lab: Lab, spec: RunSpec) -> list[WorkerTrace]:
    found = [keys.run(spec.run_id, f"workers/{rank}.json") for rank in range(2)]
    return [read_document(lab.store, WorkerTrace, key) for key in found]


@RUNS
def test_two_workers_hold_the_same_model_after_every_epoch(run, lab, request):
    spec, result = request.getfixturevalue(run)
    first, second = traces(lab, spec)
    assert (first.replicas, second.replicas, result.workers) == (2, 2, 2)
    assert [first.rank, second.rank] == [0, 1]
    assert len(first.weights) == spec.recipe.epochs
    assert first.weights == second.weights
    assert len(set(first.weights)) == spec.recipe.epochs


@RUNS
def test_workers_see_disjoint_images_whose_union_is_the_training_split(run, lab, request):
    spec, _ = request.getfixturevalue(run)
    first, second = (list(trace.samples) for trace in traces(lab, spec))
    assert sorted(first + second) == ids_of(Split.TRAIN)
    assert not set(first) & set(second)
    assert min(len(first), len(second)) > 0


def test_the_result_names_the_best_epoch_and_its_weights(lab, undisturbed):
    _, result = undisturbed
    best = max(result.epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
    assert (result.best_epoch, result.resumed_from_step) == (best.epoch, 0)
    assert [epoch.epoch for epoch in result.epochs] == list(range(1, PROBE.epochs + 1))
    assert lab.store.exists(result.weights.key)
    assert best.val_accuracy > 0.7  # dark and light are easy, 32 pixels are few


def killed(lab: Lab, run_id: str, quiet: RunSpec) -> TrainingResult:
    """The run again, one of whose workers is killed after a checkpoint within an epoch."""
    spec = lab.order(run_id, quiet.recipe, checkpoint_minutes=0.001)
    submission_id = lab.submit(spec)
    seen = lab.committed_within_an_epoch(spec)
    random.choice(lab.workers()).kill()
    result = lab.succeeded(submission_id)
    (resumed,) = hold_against(*(steps_of(lab.store, one.run_id) for one in (spec, quiet)))
    assert seen.step <= resumed == result.resumed_from_step
    return result


def steps_in_tensorboard(lab: Lab, run_id: str, attempt: int, folder: Path) -> list[int]:
    """The steps whose loss an attempt's event file shows."""
    data = lab.store.get(keys.events(run_id, attempt))
    return [step for step, scalars in events(data, folder) if "train/loss" in scalars]


def losses(result: TrainingResult) -> list[float]:
    return [epoch.val_loss for epoch in result.epochs]


def test_tensorboard_shows_every_step_of_a_training(lab, undisturbed, tmp_path):
    _, result = undisturbed
    steps = steps_in_tensorboard(lab, "undisturbed", 1, tmp_path)
    assert steps == list(range(1, result.epochs[-1].step + 1))


def test_a_killed_worker_costs_the_steps_since_a_checkpoint_and_changes_nothing(
    lab, undisturbed, tmp_path
):
    quiet, expected = undisturbed
    result = killed(lab, "killed", quiet)
    resumed, last = result.resumed_from_step, expected.epochs[-1].step
    before, after = (steps_in_tensorboard(lab, "killed", n, tmp_path) for n in (1, 2))
    assert before[:resumed] == list(range(1, resumed + 1))
    assert after == list(range(resumed + 1, last + 1))
    assert [epoch.epoch for epoch in result.epochs] == list(range(1, PROBE.epochs + 1))
    assert losses(result) == losses(expected)
    assert result.weights.sha256 == expected.weights.sha256


@pytest.mark.faults
def test_a_killed_worker_of_a_network_with_batch_norms_changes_what_rounds(lab, from_scratch):
    quiet, expected = from_scratch
    result = killed(lab, "killedwhole", quiet)
    # The statistics are averaged once more, at the checkpoint: they round otherwise.
    assert losses(result) == pytest.approx(losses(expected), rel=LOSS_TOLERANCE)


def test_a_second_driver_of_a_finished_run_changes_nothing(lab, undisturbed):
    spec, expected = undisturbed
    before = list(lab.store.keys(keys.run(spec.run_id)))
    assert lab.succeeded(lab.submit(spec, attempt=2)) == expected
    assert list(lab.store.keys(keys.run(spec.run_id))) == before
