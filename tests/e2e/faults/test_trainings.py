"""Trainings that are hurt in every part, on a cluster of our own: none is lost, none is changed.

A run that was hurt is held against the same run left in peace: each step has the same rate and the
same loss, and none is trained again but those after the last checkpoint that was committed.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import SpecError, from_wire
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import Resources
from ray_jobs.contract.training import TrainingResult
from ray_jobs.recipes import catalog
from ray_jobs.training.data.share import share_of
from ray_jobs.training.phases import PhaseName
from ray_jobs.training.schedule import rate_table
from tests.e2e.faults.trainings import IMAGES, Ground, Training, ground
from tests.e2e.training_lab import Step, hold_against, ids_of
from tests.e2e.waiting import until
from tests.seaweed import LocalStore

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900, func_only=True),
    pytest.mark.filterwarnings("ignore"),
]

# Augmentation, mixup, dropout and Adam's moments: all that a resumed run must get right.
SMALL = {"backbone": "convnet-small", "image_px": 48, "epochs": 3, "batch_size": 8}
RECIPE = catalog.resolve("b0_scratch", SMALL)
# As by default: features first, then the whole, with averaged weights and frozen batch norms. There
# are enough steps of each phase for a kill to find it: the head's are short, and a checkpoint of
# the whole is there seconds after its step.
TWO_PHASES = catalog.resolve(
    "lite0_finetune", {"image_px": 32, "batch_size": 8, "head.epochs": 40, "epochs": 5}
)
OFTEN = Resources(workers_min=2, workers_max=2, checkpoint_minutes=0.02)
SELDOM = Resources(workers_min=2, workers_max=2, checkpoint_minutes=60)


@dataclass(frozen=True)
class Quiet:
    """A training that was left in peace."""

    result: TrainingResult
    steps: list[Step]


@pytest.fixture(scope="module")
def whole_ground() -> Iterator[Ground]:
    with ground() as made:
        yield made


@pytest.fixture(name="ground")
def two_nodes(whole_ground: Ground) -> Iterator[Ground]:
    whole_ground.cluster.grow_to(2)
    yield whole_ground
    whole_ground.abandon()  # one that failed would have the next one wait


@pytest.fixture(scope="module")
def quiet(whole_ground: Ground) -> Quiet:
    whole_ground.cluster.grow_to(2)
    return in_peace(whole_ground, "quiet", RECIPE)


def in_peace(ground: Ground, run_id: str, recipe: Recipe) -> Quiet:
    """Train without a fault."""
    training = ground.train(run_id, recipe, SELDOM)
    result = training.result()
    return Quiet(result, training.steps())


def is_the_same(training: Training, quiet: Quiet) -> list[int]:
    """Hold an ended training against a quiet one; the steps that it went on from."""
    assert training.result().weights.sha256 == quiet.result.weights.sha256
    return hold_against(training.steps(), quiet.steps)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_costs_the_steps_since_a_checkpoint(
    ground: Ground, quiet: Quiet, rank: int
):
    training = ground.train(f"worker{rank}", RECIPE, OFTEN)
    last = training.committed(after=5)
    training.worker(rank).kill()
    (resumed,) = is_the_same(training, quiet)
    assert resumed >= last.state.step
    assert training.result().resumed_from_step == resumed


def test_a_worker_that_is_killed_in_each_of_two_phases_changes_nothing(ground: Ground):
    quiet = in_peace(ground, "quiettwo", TWO_PHASES)
    head, epochs = TWO_PHASES.head.epochs, len(quiet.result.epochs)
    training = ground.train("two", TWO_PHASES, OFTEN)
    # At the end of an epoch, most of them: the head's are shorter than the time between two.
    until("a checkpoint of the head", training.checkpoints, limit_s=120)
    in_head = training.checkpoints()[-1]
    training.worker(1).kill()
    # Else a checkpoint of the first group might still come, and its other worker be killed.
    until("a second group", lambda: len(training.groups()) == 2, limit_s=120)
    in_main = training.committed(after=len(quiet.steps) // epochs * head)
    training.worker(0).kill()
    first, second = is_the_same(training, quiet)
    assert (in_head.state.phase, in_main.state.phase) == (PhaseName.HEAD, PhaseName.MAIN)
    assert in_head.state.step <= first < in_main.state.step <= second


def test_a_killed_controller_costs_the_steps_since_a_checkpoint(ground: Ground, quiet: Quiet):
    training = ground.train("controller", RECIPE, OFTEN)
    last = training.committed(after=5)
    (controller,) = ground.cluster.titled("TrainController")
    controller.kill()
    (resumed,) = is_the_same(training, quiet)
    assert resumed >= last.state.step


def test_a_lost_node_is_waited_for(ground: Ground, quiet: Quiet):
    training = ground.train("raylet", RECIPE, OFTEN)
    last = training.committed(after=5)
    ground.cluster.nodes[-1].raylet().kill()
    ground.cluster.add_node()
    (resumed,) = is_the_same(training, quiet)
    assert resumed >= last.state.step
    assert training.groups() == [2, 2]


def test_a_store_that_is_away_for_half_a_minute_loses_nothing(ground: Ground, quiet: Quiet):
    training = ground.train("store", RECIPE, OFTEN)
    last = training.committed(after=5)
    ground.store.server.kill()
    time.sleep(30)
    ground.store.server.start()
    ground.store.server.wait_for(ground.store)
    assert all(resumed >= last.state.step for resumed in is_the_same(training, quiet))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_warned_worker_writes_a_checkpoint_and_goes_on(ground: Ground, quiet: Quiet, rank: int):
    training = ground.train(f"warned{rank}", RECIPE, SELDOM)
    training.trained_to(5)
    training.worker(rank).send_signal(signal.SIGTERM)
    warned = time.monotonic()
    last = training.committed()
    assert time.monotonic() - warned < 10
    assert training.groups() == [2]
    training.worker(rank).kill()
    assert is_the_same(training, quiet) == [last.state.step]


def test_a_worker_that_pauses_for_half_a_minute_costs_nothing(ground: Ground, quiet: Quiet):
    training = ground.train("paused", RECIPE, SELDOM)
    training.trained_to(5)
    worker = training.worker(1)
    worker.suspend()
    time.sleep(30)
    worker.resume()
    assert is_the_same(training, quiet) == []
    assert training.groups() == [2]


def test_a_hanging_worker_is_told_and_replaced(ground: Ground, quiet: Quiet):
    resources = OFTEN.model_copy(update={"stall_minutes": 1})
    training = ground.train("stalled", RECIPE, resources)
    last = training.committed(after=5)
    training.worker(1).suspend()
    (resumed,) = is_the_same(training, quiet)
    assert resumed >= last.state.step
    told = training.said().partition("no progress for 60 s; the stacks of all threads:")[2]
    assert "ray_jobs/training/loop.py" in told


def test_a_group_grows_and_shrinks_with_the_cluster(whole_ground: Ground):
    cluster = whole_ground.cluster
    cluster.shrink_to_head()
    elastic = Resources(workers_min=1, workers_max=2, checkpoint_minutes=0.02)
    # Longer than any machine takes to get there: Ray looks for more workers once a minute.
    training = whole_ground.train("elastic", RECIPE.model_copy(update={"epochs": 1000}), elastic)
    training.committed(after=5)
    node = cluster.add_node()
    until("two workers", lambda: training.groups() == [1, 2], limit_s=200)
    alone = training.checkpoints()[-1]
    training.committed(after=2 * alone.state.step)
    node.kill()
    until("one worker", lambda: training.groups() == [1, 2, 1], limit_s=200)
    together = training.checkpoints()[-1]
    training.committed(after=together.state.step)
    whole_ground.abandon()
    follows_the_recipe(training)


def follows_the_recipe(training: Training) -> None:
    """Each step has the rate that the recipe gives so far into the training, and its batch."""
    recipe, steps = training.spec.recipe, training.steps()
    shards = training.manifest().shards[Split.TRAIN]
    shares = [
        [share_of(rank, workers, shards, global_batch=recipe.batch_size) for rank in range(workers)]
        for workers in training.groups()
    ]
    an_epoch = [group[0].steps for group in shares]
    rates = [rate_table(recipe.schedule, epochs=recipe.epochs, steps=many) for many in an_epoch]
    # The optimizer's own are float32.
    expected = [rates[row.attempt - 1][row.step - 1] for row in steps]
    assert [row.rate for row in steps] == pytest.approx(expected, rel=1e-6)
    ends = [(row.step / an_epoch[row.attempt - 1], row.attempt) for row in steps]
    for (before, attempt), (after, later) in itertools.pairwise(ends):
        # No gap: a new attempt begins where the last ended, or before; where it has other steps,
        # at the one that is nearest to that.
        step = 1 / an_epoch[later - 1]
        assert attempt == later or after - step <= before + step / 2
    # So many steps of an epoch all workers have a whole part for.
    full = [min(share.records // share.batch for share in group) for group in shares]
    for before, after in itertools.pairwise(steps):
        if before.attempt == after.attempt:
            of_epoch = (after.step - 1) % an_epoch[after.attempt - 1] + 1
            is_full = after.images - before.images == recipe.batch_size
            assert is_full == (of_epoch <= full[after.attempt - 1]), (before, after)


def test_a_loss_that_is_not_finite_ends_the_training_at_once(ground: Ground):
    training = ground.train("infinite", RECIPE, OFTEN)
    training.committed(after=5)
    ground.abandon()
    newest = training.checkpoints()[-1]
    # At the last step of an epoch, validation would be the first to see it.
    assert newest.state.within is None or newest.state.within.done < newest.state.within.steps
    poison(ground.store, newest.key)
    again = ground.drive(training.spec)
    assert again.ended() == 2
    error = from_wire(again.said())
    assert isinstance(error, SpecError)
    told = re.search(r"the loss is nan, at step (\d+) of .*; worker \d had images (.*)", error.fact)
    assert told, error.fact
    within = newest.state.within
    assert int(told[1]) == (within.done if within else 0) + 1
    known = [sha256[:12] for sha256 in ids_of(Split.TRAIN, IMAGES)]
    assert set(told[2].split(", ")) - {"..."} <= set(known)
    assert again.groups() == [2, 2]
    assert again.checkpoints()[-1] == newest


def poison(store: LocalStore, key: str) -> None:
    """Make a model of no number of a checkpoint's, which is whole otherwise.

    All of it: a ReLU may make 0 of nan, and the loss a number.
    """
    with np.load(io.BytesIO(store.get(f"{key}variables.npz"))) as arrays:
        values = {
            name: np.full_like(array, np.nan) if name.startswith("net.") else array
            for name, array in arrays.items()
        }
    stream = io.BytesIO()
    np.savez(stream, **values)
    store.put(f"{key}variables.npz", stream.getvalue())
    seal = json.loads(store.get(f"{key}checkpoint.json"))
    sha256 = hashlib.sha256(stream.getvalue()).hexdigest()
    store.put(f"{key}checkpoint.json", json.dumps(seal | {"variables_sha256": sha256}).encode())


# What is done to the checkpoint at a key; it answers why that must be refused.
Damage = Callable[[LocalStore, str], str]


def cut(store: LocalStore, key: str) -> str:
    whole = store.get(f"{key}variables.npz")
    store.put(f"{key}variables.npz", whole[: len(whole) // 2])
    return "variables.npz is not what was written"


def give_away(store: LocalStore, key: str) -> str:
    seal = json.loads(store.get(f"{key}checkpoint.json"))
    store.put(f"{key}checkpoint.json", json.dumps(seal | {"identity": "0" * 64}).encode())
    return "it is of another recipe, seed, data set version or label set"


@pytest.mark.parametrize(("kind", "damage"), [("cut", cut), ("another", give_away)])
def test_a_checkpoint_that_is_not_ours_is_refused_by_name(
    ground: Ground, quiet: Quiet, kind: str, damage: Damage
):
    training = ground.train(kind, RECIPE, OFTEN)
    training.committed(after=20)
    ground.abandon()
    *_, before, newest = training.checkpoints()
    why = damage(ground.store, newest.key)
    again = ground.drive(training.spec)
    assert is_the_same(again, quiet) == [before.state.step]
    name = newest.key.rstrip("/").rpartition("/")[2]
    assert re.search(rf"checkpoint {re.escape(name)} is refused.*{re.escape(why)}", again.said())
