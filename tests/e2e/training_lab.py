"""What the tests of a training share: a small data set, orders, and Ray jobs on the real stack."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import numpy as np
import psutil
from PIL import Image

from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, ShardRef, SourceRef, Split, StateCounts
from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import ManifestRef, Progress, Resources, RunSpec, TrainingResult
from ray_jobs.storage import (
    ObjectStore,
    find_document,
    put_content,
    read_document,
    write_document,
)
from tasks.operators.jobs_api import Job, JobRequest, JobsApi, JobStatus
from tasks.records import frame, image_example
from tests.e2e.local_stack import home_of
from tests.training.rosters import entries_of, with_entries

Answer = TypeVar("Answer")

CLASSES = ("dark", "light")
IMAGES = {Split.TRAIN: 75, Split.VAL: 21, Split.TEST: 10}
# Uneven on purpose: five training shards and one of validation do not share out evenly.
SHARDS = {Split.TRAIN: 5, Split.VAL: 1, Split.TEST: 1}


def write_dataset(store: ObjectStore) -> DatasetManifest:
    """Noise that is dark or light, as an ingest would have left it."""
    shards = {split: _write_split(store, split) for split in Split}
    manifest = DatasetManifest(
        dataset="noise",
        version="v1",
        source=SourceRef(uri="noise:", format="folder"),
        classes=CLASSES,
        images=StateCounts(kept=sum(IMAGES.values()), duplicate=0, conflict=0, quarantined=0),
        splits={split: dict.fromkeys(CLASSES, count // 2) for split, count in IMAGES.items()},
        shards=shards,
        entries=ObjectRef(key=keys.entries("noise", "v1", "0" * 64), sha256="0" * 64, size_bytes=0),
    )
    entries = [e for split in Split for e in entries_of(photos(split), split, CLASSES)]
    manifest = with_entries(store, manifest, entries)
    write_document(store, manifest, keys.manifest("noise", "v1"))
    return manifest


def photos(split: Split) -> list[tuple[bytes, int]]:
    """The images of a split with their labels; every one differs from every other."""
    rng = np.random.default_rng(list(Split).index(split))
    return [(_photo(rng, n % 2), n % 2) for n in range(IMAGES[split])]


def ids_of(split: Split) -> list[str]:
    """The sha256 of the images of a split, sorted."""
    return sorted(hashlib.sha256(photo).hexdigest() for photo, _ in photos(split))


def _photo(rng: np.random.Generator, label: int) -> bytes:
    pixels = rng.integers(100 * label, 100 * label + 150, (30, 40, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _write_split(store: ObjectStore, split: Split) -> tuple[ShardRef, ...]:
    whole = photos(split)
    return tuple(
        _write_shard(store, split, whole[n :: SHARDS[split]]) for n in range(SHARDS[split])
    )


def _write_shard(store: ObjectStore, split: Split, part: list[tuple[bytes, int]]) -> ShardRef:
    data = frame(image_example(p, hashlib.sha256(p).hexdigest()) for p, _ in part)
    ref = put_content(store, keys.shard(split, hashlib.sha256(data).hexdigest()), data)
    return ShardRef(**ref.model_dump(), records=len(part), stored=len(part))


@dataclass(frozen=True)
class Lab:
    """The stack, as a training sees it; `store` is the administrator's."""

    stack: Stack
    store: ObjectStore

    def order(self, run_id: str, recipe: Recipe) -> RunSpec:
        """Write the spec of a run on two workers."""
        key = keys.manifest("noise", "v1")
        spec = RunSpec(
            run_id=run_id,
            fingerprint=run_id,
            manifest=ManifestRef(dataset="noise", version="v1", key=key),
            recipe=recipe,
            seed=1,
            resources=Resources(workers_min=2, workers_max=2),
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

    def progressed(self, spec: RunSpec, far_enough: Callable[[Progress], bool]) -> Progress:
        """Wait until a training has come so far."""
        key = keys.run(spec.run_id, "progress.json")
        while not ((found := find_document(self.store, Progress, key)) and far_enough(found)):
            time.sleep(0.1)
        return found

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
        below = {str(home_of(self.stack).run), str(home_of(self.stack).short_run)}
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any("RayTrainWorker" in part for part in process.info["cmdline"] or ())
            and any(str(process.cwd()).startswith(folder) for folder in below)
        ]
