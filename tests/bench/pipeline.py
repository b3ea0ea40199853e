"""The input pipeline on one CPU, beside the lesson's: `make bench-pipeline [IMAGE_PX=300]`.

Photos from SORTLINE_TRASHNET, or drawn ones, go into shards; then both make batches of them, in
one process that may use one CPU, in turns. Counted is CPU time, the best of the turns: another
process on the machine can only add to it. What a step of ours costs is seen by leaving out all
that come after it; the lesson's steps are timed one by one.

Predicted before the first measurement: decode 700 us, resize 600, the rest 400 and mixing 300
where the CPU trains too; 500 images a second, eight times the lesson's 60.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import tensorflow as tf

from ray_jobs.contract.recipe import NO_AUGMENT, Augment
from ray_jobs.training.data import pipeline
from ray_jobs.training.data.letterbox import fit
from ray_jobs.training.data.mixup import mix, mix_images
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.records import decode_rgb, records
from ray_jobs.training.data.roster import place
from ray_jobs.training.data.share import Share
from ray_jobs.training.memory import keep_freed_memory
from tasks.shards.records import frame, image_example
from tests.bench.lesson import Lesson
from tests.bench.photos import labelled
from tests.bench.record import keep

BATCH = 32
LESSON_PHOTOS = 256

Pictures = Sequence[tuple[bytes, int]]
Run = Callable[[], int]


def main() -> int:
    """Measure, print the table, append a line to the results."""
    image_px, turns = int(os.environ.get("IMAGE_PX", "300")), int(os.environ.get("TURNS", "3"))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keep_freed_memory()
    pictures = labelled(os.environ.get("SORTLINE_TRASHNET"), at_most=1024)
    classes = 1 + max(label for _, label in pictures)
    lesson = Lesson(image_px, Augment(), classes)
    with tempfile.TemporaryDirectory() as folder:
        photos = in_shards(pictures, Path(folder))
        stages = stages_of(photos, len(pictures), image_px, classes)
        runs = {"lesson": lambda: taught(lesson, pictures)} | stages
        best = {
            name: min(seconds_an_image(run) for _ in range(turns)) for name, run in runs.items()
        }
    spent = sum(lesson.seconds.values())
    taught_us = {step: best["lesson"] * part / spent for step, part in lesson.seconds.items()}
    line = {
        "cpu": _cpu(),
        "photos": len(pictures),
        "image_px": image_px,
        "lesson_us": {step: round(1e6 * part) for step, part in taught_us.items()},
        "ours_us": {step: round(1e6 * part) for step, part in differences(best).items()},
        "images_per_cpu_s": {n: round(1 / best[n]) for n in ("lesson", "batch", "mix")},
        "times": {n: round(best["lesson"] / best[n], 1) for n in ("batch", "mix")},
    }
    print(json.dumps(line, indent=2))
    keep("pipeline", line)
    return 0


def in_shards(pictures: Pictures, folder: Path) -> Photos:
    """As an ingest leaves them."""
    shas = [hashlib.sha256(encoded).hexdigest() for encoded, _ in pictures]
    files = [folder / f"{n}.tfrecord" for n in range(4)]
    whole = [image_example(p, sha) for (p, _), sha in zip(pictures, shas, strict=True)]
    for n, file in enumerate(files):
        file.write_bytes(frame(whole[n :: len(files)]))
    labels = [label for _, label in pictures]
    held = zip(cycle(files), shas, labels, strict=False)
    return Photos(files, {place(str(file), sha): label for file, sha, label in held})


def stages_of(photos: Photos, count: int, image_px: int, classes: int) -> dict[str, Run]:
    """Ours, cut off after each step in turn; each run answers how many images it made."""
    share = Share(shards=(), records=count, batch=BATCH, steps=count // BATCH)

    def training(**part: object) -> pipeline.Examples:
        augment = NO_AUGMENT.model_copy(update=part)
        return pipeline.shuffled_image_examples(photos, image_px, augment, seed=0)

    def examples(**part: object) -> tf.data.Dataset:
        return training(**part)(0, 0).take(count)

    def decoded(_: tf.Tensor, encoded: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        return decode_rgb(encoded)

    batches = pipeline.training_batches(training(**dict(Augment())), 0, share)
    erase, flips, shift = {"erase": 0.5}, {"flips": True}, {"shift": 0.05}
    data = {
        "read": records(photos),
        "decode": records(photos).map(decoded),
        "resize": records(photos).map(lambda *record: fit(decoded(*record), image_px)),
        "letterbox": examples(),
        "erase": examples(**erase),
        "flip": examples(**erase, **flips),
        "shift": examples(**erase, **flips, **shift),
        "shares": examples(**dict(Augment())),
        "batch": batches,
    }
    runs: dict[str, Run] = {name: _through(one_thread(part), count) for name, part in data.items()}

    @tf.function
    def on_device(x: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor) -> tuple[tf.Tensor, ...]:
        targets = tf.one_hot(labels, classes)
        return mix_images(x, shares), mix(targets, shares)

    def mixed() -> int:
        for x, labels, shares, *_ in one_thread(batches):
            on_device(x, labels, shares)
        return share.steps * BATCH

    return runs | {"mix": mixed}


def one_thread(data: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    return data.with_options(options)


def _through(data: tf.data.Dataset, count: int) -> Run:
    def run() -> int:
        # Counted inside: an image that crosses to Python costs a third of a millisecond.
        data.reduce(np.int64(0), lambda seen, *_: seen + 1)
        return count

    return run


def taught(lesson: Lesson, pictures: Pictures) -> int:
    """The lesson's batches of every n-th photo."""
    chosen = pictures[:: max(1, len(pictures) // LESSON_PHOTOS)][:LESSON_PHOTOS]
    return sum(len(x) for x, _ in lesson.batches(chosen, BATCH))


def seconds_an_image(run: Run) -> float:
    started = time.process_time()
    images = run()
    return (time.process_time() - started) / images


def differences(best: dict[str, float]) -> dict[str, float]:
    """What each step adds to the one before."""
    names = [name for name in best if name != "lesson"]
    return {n: best[n] - (best[names[i - 1]] if i else 0) for i, n in enumerate(names)}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((n.partition(": ")[2] for n in lines if n.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())
