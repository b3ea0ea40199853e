"""One worker of a training that is measured: a process that `turns` starts, an epoch a turn.

It is the training loop itself (`PhaseTraining`), fed and configured as in a job; only the store is
a dictionary, and at the end of an epoch it waits for its next turn and keeps no checkpoint. Beside
it, where the setting says so, bare Keras: `train_on_batch` on the same network with the same
optimizer, under no strategy; it has its turns while the loop waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.recipe import NO_AUGMENT, Recipe
from ray_jobs.contract.run import ManifestRef, Progress, Resources, RunSpec
from ray_jobs.recipes.b0_scratch import RECIPE
from ray_jobs.training.checkpoint import Parts
from ray_jobs.training.data.pipeline import Examples
from ray_jobs.training.data.share import Share
from ray_jobs.training.journal import Journal
from ray_jobs.training.keeper import Keeper
from ray_jobs.training.loop import PhaseTraining, Tools
from ray_jobs.training.memory import keep_freed_memory
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.phases import phases_of
from ray_jobs.training.progress import ProgressBoard
from ray_jobs.training.strategy import configure_devices, make_strategy
from ray_jobs.training.subject import Subject, data_of, prepare
from ray_jobs.training.trace import Trace, WorkerTrace
from ray_jobs.training.watchdog import Watchdog
from ray_jobs.training.worker import Worker
from tests.bench.photos import chosen
from tests.bench.turns import Setting
from tests.dataset_version import in_store
from tests.fakes import InMemoryStore

CLASSES = 6


class Clock(ProgressBoard):
    """Notes when each step has ended; at the end of a turn, answers and waits for the next.

    `others` take their turn meanwhile, where it is theirs.
    """

    def __init__(self, batch: int) -> None:
        super().__init__(InMemoryStore(), "bench")
        self._batch = batch
        self.others: dict[str, Callable[[], None]] = {}
        self.begin()

    def begin(self) -> None:
        """A turn begins."""
        self.ends, self._cpu = [time.monotonic()], [time.process_time()]

    def show(self, progress: Progress | None = None) -> None:
        """A step has ended."""
        self.ends.append(time.monotonic())
        self._cpu.append(time.process_time())

    def turn_over(self) -> None:
        """Say how fast the turn was, and wait for the next."""
        self.say()
        while whose := sys.stdin.readline().strip():
            if whose not in self.others:
                self.begin()
                return
            self.others[whose]()
        sys.exit()  # whoever gave the turns is gone

    def say(self) -> None:
        """Answer how fast the turn was, from the end of its first step on."""
        begin, first, *_, last = self.ends
        images = self._batch * (len(self.ends) - 2)
        answer = {
            "images_per_s": images / (last - first),
            "whole_images_per_s": (images + self._batch) / (last - begin),
            "cpu_ms_an_image": 1000 * (self._cpu[-1] - self._cpu[1]) / images,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class TurnKeeper(Keeper):
    """In place of checkpoints, which `checkpoints` measures: the end of an epoch ends a turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def is_due(self) -> bool:
        return False

    def keep(self, state: TrainingState, parts: Parts, first: Callable[[], None]) -> None:
        self._clock.turn_over()


def main(setting: Setting) -> None:
    """Take turns until there are no more."""
    keep_freed_memory()
    configure_devices(setting.cpus, use_gpu=False)
    keras.utils.set_random_seed(1)
    clock = Clock(setting.batch)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        train(setting, clock)


def train(setting: Setting, clock: Clock) -> None:
    """Run the training loop; bare Keras's steps beside it, where it has turns too."""
    strategy, worker = make_strategy(use_gpu=False), worker_of(setting, clock)
    if setting.keras:
        clock.others["keras"] = bare_keras(setting, worker)
    phase = phases_of(worker.spec.recipe)[-1]
    subject = prepare(worker, strategy, phase, data_of(worker))
    if setting.feed == "memory":
        subject = replace(subject, examples=in_memory(setting, subject.share))
    trace = WorkerTrace(rank=worker.rank, workers=worker.world, replicas=worker.world)
    tools = Tools(
        worker, strategy, TurnKeeper(clock), Journal(), Trace(worker.store, "bench", trace)
    )
    PhaseTraining(tools, subject, phase).run(TrainingState(), None)


def bare_keras(setting: Setting, worker: Worker) -> Callable[[], None]:
    """A turn of `train_on_batch`, on batches that are tensors already."""
    phase, strategy = phases_of(worker.spec.recipe)[-1], tf.distribute.get_strategy()
    net, clock = compiled(prepare(worker, strategy, phase, data_of(worker))), Clock(setting.batch)
    images, labels = drawn(setting, 2 * setting.batch)
    x = tf.split(tf.cast(images, tf.float32), 2)
    y = tf.split(tf.one_hot(labels, CLASSES), 2)

    def turn() -> None:
        clock.begin()
        for step in range(setting.steps):
            net.train_on_batch(x[step % 2], y[step % 2])
            clock.show()
        clock.say()

    return turn


def compiled(subject: Subject) -> keras.Model:
    """The network, with the optimizer and loss of the recipe in Keras's own words."""
    subject.net.compile(
        optimizer=keras.optimizers.Adam(
            RECIPE.schedule.base_lr, global_clipnorm=RECIPE.optimizer.clipnorm
        ),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=RECIPE.label_smoothing
        ),
        metrics=["accuracy"],
    )
    return subject.net


def worker_of(setting: Setting, clock: Clock) -> Worker:
    """Who this process is by TF_CONFIG, and its order, as a job has them from Ray."""
    told = json.loads(os.environ["TF_CONFIG"])
    rank, world = told["task"]["index"], len(told["cluster"]["worker"])
    store = InMemoryStore()
    pictures = chosen(os.environ.get("SORTLINE_TRASHNET"), setting.batch * setting.steps)
    held = {Split.TRAIN: pictures, Split.VAL: pictures[: setting.batch]}
    manifest = in_store(store, "bench", held, [str(n) for n in range(CLASSES)], shards=2)
    spec = RunSpec(
        run_id="bench",
        fingerprint="bench",
        manifest=ManifestRef(dataset="bench", version="v1", key="bench"),
        recipe=recipe_of(setting),
        seed=1,
        resources=Resources(workers_min=world, workers_max=world),
        code_version="bench",
    )
    watchdog = Watchdog(limit_s=float("inf"))
    return Worker(rank, world, setting.cpus, spec, manifest, store, clock, watchdog)


def recipe_of(setting: Setting) -> Recipe:
    """`b0_scratch`, of another size; the first epoch is there to warm up."""
    update: dict[str, object] = {
        "image_px": setting.image_px,
        "batch_size": setting.batch,
        "epochs": setting.turns + 1,
    }
    return RECIPE.model_copy(update=update if setting.augment else update | {"augment": NO_AUGMENT})


def in_memory(setting: Setting, share: Share) -> Examples:
    """Examples as they come out of the pipeline, of two batches that lie there already."""
    count = 2 * share.batch
    images, labels = drawn(setting, count)
    shares, rows = np.full(count, 0.9, np.float32), np.arange(count) % share.records
    slices = tf.data.Dataset.from_tensor_slices((images, labels, shares, rows))
    return lambda epoch, skipped: slices.repeat().skip(skipped)


def drawn(setting: Setting, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, uint8 [count, image_px, image_px, 3], and labels, int64 [count]."""
    rng, px = np.random.default_rng(0), setting.image_px
    return rng.integers(0, 256, (count, px, px, 3), np.uint8), np.arange(count) % CLASSES


if __name__ == "__main__":
    main(Setting(**json.loads(sys.argv[1])))
