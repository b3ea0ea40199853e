"""Tasks of a worker: whole trainings, by the product's own loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ray_jobs.contract import keys
from ray_jobs.recipes import catalog
from ray_jobs.training import work
from ray_jobs.training.checkpoint import values_of
from ray_jobs.training.data.pipeline import Examples
from ray_jobs.training.loop import PhaseTraining, Tools
from ray_jobs.training.models import classifier
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.phases import PhaseName, phases_of
from ray_jobs.training.subject import Subject, data_of, prepare
from ray_jobs.training.trace import WorkerTrace
from tests.ray_jobs.training.group.member import PX, Member, batch_norm_net, statistics_net
from tests.ray_jobs.training.group.tools import FolderKeeper, tools_of

ONE_PHASE = catalog.resolve(
    "convnet_small", {"backbone": "convnet-mnist", "image_px": PX, "epochs": 2, "batch_size": 8}
)
TWO_PHASES = catalog.resolve(
    "b0_finetune",
    {
        "backbone": "convnet-mnist",
        "weights": "null",
        "image_px": PX,
        "batch_size": 8,
        "head.epochs": 2,
        "epochs": 2,
        "ema": 0.9,
    },
)


def training(member: Member) -> dict[str, Any]:
    """Two epochs: the images of each step, which this worker saw, and what it has then."""
    tools, log = tools_of(member, ONE_PHASE, FolderKeeper(Path("checkpoints")))
    state = trained(tools, subject_of(tools, batch_norm_net(member.strategy)))
    key = keys.run("r", f"workers/{member.rank}.json")
    trace = WorkerTrace.from_json(tools.worker.store.get(key), origin=key)
    return {
        "images": [row.images for row in log.rows],
        "samples": trace.samples,
        "weights": trace.weights,
        "losses": losses_of(state),
    }


def uneven_training(member: Member) -> list[float]:
    """What a batch norm takes for the mean of the pixels: 0 of the first worker's, 256 of others'.

    After an epoch, of four steps: one of two workers has two shards of three, and so five of the
    eight images of each.
    """
    recipe = ONE_PHASE.model_copy(update={"epochs": 1})
    tools, _ = tools_of(member, recipe, FolderKeeper(Path("uneven")), shards=3)
    net = statistics_net(member.strategy)
    subject = subject_of(tools, net)
    pixel = 0.0 if member.rank == 0 else 256.0
    examples = changed(subject.examples, lambda x: tf.zeros_like(x, tf.float32) + pixel)
    trained(tools, replace(subject, examples=examples))
    return values_of([net.get_layer("norm").moving_mean])[0].tolist()


def two_phases(member: Member) -> dict[str, Any]:
    """The losses of one undisturbed, and of those that went on from a checkpoint of it.

    Their backbone starts from a file of weights, as in all transfer learning.
    """
    whole = FolderKeeper(Path("two-phases"))
    found = {"undisturbed": losses_of(_trained_in_two_phases(member, whole))}
    for name, place in _places(whole.states).items():
        found[name] = losses_of(_trained_in_two_phases(member, whole.going_on_from(place)))
    return found


def _places(states: Sequence[TrainingState]) -> dict[str, int]:
    """Where a training is taken up again: within each phase, and after the first."""
    wanted = {
        "within the head": (PhaseName.HEAD, 1, 1),
        "after the head": (PhaseName.HEAD, 2, 0),
        "within the main phase": (PhaseName.MAIN, 3, 1),
    }
    stood = [(one.phase, one.epoch, one.within.done if one.within else 0) for one in states]
    return {name: stood.index(place) for name, place in wanted.items()}


def _trained_in_two_phases(member: Member, keeper: FolderKeeper) -> TrainingState:
    weights = _weights()
    sha256 = hashlib.sha256(weights).hexdigest()
    recipe = TWO_PHASES.model_copy(
        update={"weights": "file:///b.weights.h5", "weights_sha256": sha256}
    )
    tools, _ = tools_of(member, recipe, keeper)
    tools.worker.store.put(keys.weights(sha256), weights)
    keras.utils.set_random_seed(tools.worker.spec.seed)  # as each worker does, whenever it starts
    state, _ = work._train(tools)
    return state


def _weights() -> bytes:
    path = Path("b.weights.h5")
    if not path.exists():
        classifier.build_backbone(TWO_PHASES.backbone, image_px=PX).save_weights(path)
    return path.read_bytes()


def losses_of(state: TrainingState) -> list[tuple[float, float, float]]:
    """Loss, validation loss and accuracy of each epoch."""
    return [(one.loss, one.val_loss, one.val_accuracy) for one in state.history]


def trained(tools: Tools, subject: Subject) -> TrainingState:
    """The end of a training of one phase."""
    (phase,) = phases_of(tools.worker.spec.recipe)
    return PhaseTraining(tools, subject, phase).run(TrainingState(), None)


def subject_of(tools: Tools, net: keras.Model) -> Subject:
    """The images of a training of one phase, for a network of the test's own."""
    (phase,) = phases_of(tools.worker.spec.recipe)
    subject = prepare(tools.worker, tools.strategy, phase, data_of(tools.worker))
    return replace(subject, net=net, kept=net, head=net, whole=net)


def changed(examples: Examples, change: Callable[[tf.Tensor], tf.Tensor]) -> Examples:
    """The same examples, whose images are changed."""
    return lambda epoch, skipped: examples(epoch, skipped).map(lambda x, *rest: (change(x), *rest))
