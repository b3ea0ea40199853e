"""What the tests of a training share: a small data set, orders, and Ray jobs on the real stack."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import ManifestRef, Resources, RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import (
    ObjectStore,
    Store,
    read_document,
    write_document,
)
from ray_jobs.training.outcome import TrainingState
from tasks.operators.jobs_api import Job, JobRequest, JobsApi, JobStatus
from tests.dataset_version import in_store
from tests.e2e.local_stack import home_of
from tests.e2e.processes import answers, command_line

Answer = TypeVar("Answer")

LOSS_TOLERANCE = 1e-4

CLASSES = ("dark", "light")
IMAGES = {Split.TRAIN: 75, Split.VAL: 21, Split.TEST: 10}
# Uneven on purpose: five training shards and one of validation do not share out evenly.
SHARDS = 5


def write_dataset(store: ObjectStore, images: Mapping[Split, int] = IMAGES) -> DatasetManifest:
    """Noise that is dark or light, as an ingest would have left it."""
    made = {split: photos(split, images[split]) for split in Split}
    manifest = in_store(store, "noise", made, CLASSES, shards=SHARDS)
    write_document(store, manifest, keys.manifest("noise", "v1"))
    return manifest


def photos(split: Split, count: int) -> list[tuple[bytes, int]]:
    """Images of a split with their labels; every one differs from every other."""
    rng = np.random.default_rng(list(Split).index(split))
    return [(_photo(rng, n % 2), n % 2) for n in range(count)]


def ids_of(split: Split, images: Mapping[Split, int] = IMAGES) -> list[str]:
    """The sha256 of the images of a split, sorted."""
    return sorted(hashlib.sha256(photo).hexdigest() for photo, _ in photos(split, images[split]))


def _photo(rng: np.random.Generator, label: int) -> bytes:
    pixels = rng.integers(100 * label, 100 * label + 150, (30, 40, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


class Step(NamedTuple):
    """A row of `steps.csv`; `images` are all so far, the rate is the optimizer's own, a float32."""

    step: int
    images: int
    rate: float
    loss: float
    seconds: float
    attempt: int


def steps_of(store: Store, run_id: str) -> list[Step]:
    """Every step of every attempt of a training."""
    table = store.get(keys.run(run_id, "steps.csv")).decode().splitlines()
    return [
        Step(
            step=int(row["step"]),
            images=int(row["images"]),
            rate=float(row["learning_rate"]),
            loss=float(row["loss"]),
            seconds=float(row["seconds"]),
            attempt=int(row["attempt"]),
        )
        for row in csv.DictReader(table)
    ]


def hold_against(steps: list[Step], quiet: list[Step]) -> list[int]:
    """Assert that every attempt's steps are those of a training that was left in peace.

    Returns:
      The steps that the attempts but the first went on from.
    """
    expected = {row.step: row for row in quiet}
    assert {row.step for row in steps} == set(expected)
    assert [row for row in steps if row.rate != expected[row.step].rate] == []
    losses = [expected[row.step].loss for row in steps]
    assert [row.loss for row in steps] == pytest.approx(losses, rel=LOSS_TOLERANCE)
    pairs = itertools.pairwise(steps)
    return [after.step - 1 for before, after in pairs if after.attempt > before.attempt]


class Checkpoint(NamedTuple):
    """One that a training would go on from; `key` is its prefix."""

    key: str
    state: TrainingState


def checkpoints_of(store: Store, run_id: str) -> list[Checkpoint]:
    """The checkpoints of a training that are committed and kept, the newest last."""
    folder = keys.run(run_id, "ray-train/")
    if (found := store.get_tagged(f"{folder}checkpoint_manager_snapshot.json")) is None:
        return []
    names = [one["checkpoint_dir_name"] for one in json.loads(found.data)["checkpoint_results"]]
    return [one for name in names if (one := _checkpoint(store, f"{folder}{name}/"))]


def _checkpoint(store: Store, key: str) -> Checkpoint | None:
    if (found := store.get_tagged(f"{key}checkpoint.json")) is None:
        return None  # removed since, for a newer one
    state = json.dumps(json.loads(found.data)["state"]).encode()
    return Checkpoint(key, TrainingState.from_json(state, origin=key))


@dataclass(frozen=True)
class Lab:
    """The stack, as a training sees it; `store` is the administrator's."""

    stack: Stack
    store: ObjectStore

    def order(self, run_id: str, recipe: Recipe, checkpoint_minutes: float = 10) -> RunSpec:
        """Write the spec of a run on two workers."""
        key = keys.manifest("noise", "v1")
        spec = RunSpec(
            run_id=run_id,
            fingerprint=run_id,
            manifest=ManifestRef(dataset="noise", version="v1", key=key),
            recipe=recipe,
            seed=1,
            resources=Resources(
                workers_min=2, workers_max=2, checkpoint_minutes=checkpoint_minutes
            ),
            code_version="test",
        )
        write_document(self.store, spec, keys.run(run_id, "spec.json"))
        return spec

    def submit(self, spec: RunSpec, attempt: int = 1) -> str:
        """Start the training as Airflow does: with training's own identity."""
        submission_id = f"sortline-{spec.run_id}-train-{attempt}"
        uri = self.store.uri(keys.run(spec.run_id, "spec.json"))
        entrypoint = ["python", "-m", "ray_jobs.train_job", "--spec", uri]
        request = JobRequest(entrypoint=entrypoint, env_vars={"AWS_PROFILE": "train"})
        self._ask(lambda api: api.submit(submission_id, request))
        return submission_id

    def succeeded(self, submission_id: str) -> TrainingResult:
        """Wait for a training's end, which must be a good one."""
        while not (job := self._job(submission_id)).status.is_terminal:
            time.sleep(0.5)
        # Its message ends with the last lines of its log.
        assert job.status is JobStatus.SUCCEEDED, job.message[-5000:]
        run_id = submission_id.split("-")[1]
        return read_document(self.store, TrainingResult, keys.run(run_id, "training.json"))

    def committed_within_an_epoch(self, spec: RunSpec) -> TrainingState:
        """Wait for a checkpoint in the middle of an epoch."""
        while True:
            for checkpoint in checkpoints_of(self.store, spec.run_id):
                if checkpoint.state.within:
                    return checkpoint.state
            time.sleep(0.1)

    def _job(self, submission_id: str) -> Job:
        job = self._ask(lambda api: api.find(submission_id))
        assert job is not None
        return job

    def _ask(self, question: Callable[[JobsApi], Awaitable[Answer]]) -> Answer:
        token = self.stack.ray_token_file
        assert token is not None
        headers = {"Authorization": f"Bearer {token.read_text()}"}
        url = self.stack.ray_dashboard_url

        async def ask() -> Answer:
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
                return await question(JobsApi(client))

        return asyncio.run(ask())

    def workers(self) -> list[psutil.Process]:
        """The processes of this stack's Ray Train workers."""
        below = (str(home_of(self.stack).run), str(home_of(self.stack).short_run))
        titled = [
            process
            for process, line in answers(psutil.process_iter(), command_line)
            if "RayTrainWorker" in line
        ]
        folders = answers(titled, psutil.Process.cwd)
        return [process for process, folder in folders if folder.startswith(below)]
