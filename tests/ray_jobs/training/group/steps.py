"""Tasks of a worker: single steps, on arrays that all workers know and share out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ray_jobs.contract.recipe import Optimizer
from ray_jobs.training.answer import Answer, Sums, as_answer, as_sums
from ray_jobs.training.checkpoint import digest_of, values_of
from ray_jobs.training.data import pipeline
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.share import share_of
from ray_jobs.training.logits import validation_logits
from ray_jobs.training.rates import TabledRate, make_optimizer
from ray_jobs.training.step import Rules, make_averaging, make_evaluation_step, make_train_step
from tests.ray_jobs.training.conftest import jpeg, write_shard
from tests.ray_jobs.training.group.member import CLASSES, PX, Member, batch_norm_net, convnet
from tests.ray_jobs.training.rosters import roster_of

_RNG = np.random.default_rng(0)
X = _RNG.integers(0, 256, (12, PX, PX, 3), np.uint8)
LABELS = np.arange(12) % CLASSES
SHARES = np.ones(12, np.float32)
# The last place only fills up.
WEIGHTS = np.array([1] * 11 + [0], np.float32)
STEP = (X, LABELS, SHARES, WEIGHTS)
PHOTOS = [(jpeg(n), n % CLASSES) for n in range(11)]
NAMES = ("adam", "adamw", "sgd", "rmsprop", "radam")


class Stepper:
    """A network and its optimizer, which take steps."""

    def __init__(
        self, member: Member, net: keras.Model, optimizer: str = "sgd", rate: float = 1.0, **rules
    ) -> None:
        self.member, self.net = member, net
        with member.strategy.scope():
            kind = Optimizer(name=optimizer, momentum=0.0)
            self.optimizer = make_optimizer(kind, TabledRate([rate]))
            self.optimizer.build(net.trainable_variables)
        self._step = make_train_step(member.strategy, net, self.optimizer, Rules(**rules))

    def __call__(self, *batch: np.ndarray, wish: float = 0.0) -> Answer:
        """Take a step on this worker's part of a batch."""
        return as_answer(self._step(self.member.own(*batch), tf.constant(wish)))


def step(member: Member) -> dict[str, Any]:
    """A step of plain SGD at a rate of 1: what it takes off the weights is the gradient."""
    return _step_of(member, accumulate=1)


def step_in_parts(member: Member) -> dict[str, Any]:
    """The same, of parts that go through the network one after the other."""
    return _step_of(member, accumulate=3)


def _step_of(member: Member, accumulate: int) -> dict[str, Any]:
    net = convnet(member.strategy)
    before = values_of(net.weights)
    stepper = Stepper(member, net, smoothing=0.1, accumulate=accumulate)
    answer = stepper(*STEP)
    moved = [(a - b).ravel() for a, b in zip(before, values_of(net.weights), strict=True)]
    return {
        "gradient": np.concatenate(moved)[::10].tolist(),  # a tenth of 74,000 says enough
        "weights": digest_of(net.weights),
        "sums": answer.sums,
        "iterations": _count(stepper.optimizer),
    }


def wishes(member: Member) -> list[bool]:
    """Whether a checkpoint is wanted: in a step in which none wants one, then only the last."""
    stepper = Stepper(member, batch_norm_net(member.strategy))
    last = float(member.rank == member.world - 1)
    return [stepper(*STEP, wish=wish).is_wanted for wish in (0.0, last)]


def overflow(member: Member) -> list[bool]:
    """Whether a step was finite: a sound one, then one on an image of the last worker that is not.

    And once more after it: the network is broken, but nobody waits.
    """
    stepper = Stepper(member, batch_norm_net(member.strategy))
    sound = X.astype(np.float32)
    broken = sound.copy()
    broken[member.world - 1] = np.inf
    return [stepper(x, *STEP[1:]).is_finite for x in (sound, broken, sound)]


def optimizers(member: Member) -> dict[str, Any]:
    """Two steps of each: how often it counts, whether it moved, and where the weights are then."""
    found: dict[str, Any] = {}
    for name in NAMES:
        net = batch_norm_net(member.strategy)
        before = digest_of(net.trainable_weights)
        stepper = Stepper(member, net, name, rate=1e-2)
        finite = [stepper(*STEP).is_finite for _ in range(2)]
        after = digest_of(net.trainable_weights)
        found[name] = {
            "finite": all(finite),
            "moved": after != before,
            "weights": after,
            "iterations": _count(stepper.optimizer),
        }
    return found


def batch_norm(member: Member) -> dict[str, Any]:
    """The moving mean of this worker after a step, and what it is made at an epoch's end.

    The first worker weighs three times as much as the second.
    """
    net = batch_norm_net(member.strategy)
    Stepper(member, net, rate=1e-2)(*STEP)
    (layer,) = (one for one in net.layers if isinstance(one, keras.layers.BatchNormalization))
    own = values_of([layer.moving_mean, layer.moving_variance])
    make_averaging(member.strategy, net, part=(0.75, 0.25)[member.rank])()
    shared = values_of([layer.moving_mean, layer.moving_variance])
    return {"own": np.stack(own).tolist(), "shared": np.stack(shared).tolist()}


def validation(member: Member) -> dict[str, Any]:
    """What is found on eleven images, in four shards that do not share out evenly."""
    cuts = [(0, 5), (5, 6), (6, 9), (9, 11)]
    shards = [write_shard(member.folder, PHOTOS[a:b]) for a, b in cuts]
    share = share_of(member.rank, member.world, [ref for _, ref in shards], global_batch=6)
    files = [path for path, ref in shards if ref in share.shards]
    examples = pipeline.image_examples(Photos(files, roster_of(PHOTOS, files)), PX)
    net, total = convnet(member.strategy), Sums(0.0, 0.0, 0.0)
    judge = make_evaluation_step(member.strategy, net, smoothing=0.1)
    for x, labels, _, weights in pipeline.evaluation_batches(examples, share):
        total = total.plus(as_sums(judge((x, labels, weights))))
    asked = SimpleNamespace(net=net, val=examples, val_share=share)
    logits, labels = validation_logits(member.strategy, asked, 6, lambda: None)
    rows = sorted(zip(labels.tolist(), logits.tolist(), strict=True))
    return {"sums": total, "held": share.records, "rows": rows}


def collectives(member: Member) -> str:
    """How the workers talk to each other."""
    return member.strategy.extended._communication_options.implementation.value


def _count(optimizer: keras.optimizers.Optimizer) -> int:
    return int(values_of([optimizer.iterations])[0])
