"""Trainings on a cluster of our own, and what a watcher can know of them from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.recipe import Recipe
from ray_jobs.contract.run import ManifestRef, Progress, Resources, RunSpec
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import find_document, read_document, write_document
from tests.e2e.ray_cluster import RayCluster, ray_cluster
from tests.e2e.training_lab import Checkpoint, Step, checkpoints_of, steps_of, write_dataset
from tests.e2e.waiting import until
from tests.seaweed import LocalStore, object_store

# Enough steps an epoch that a checkpoint in the middle of one is no matter of luck.
IMAGES = {Split.TRAIN: 500, Split.VAL: 21, Split.TEST: 10}
_CHECKPOINT_LIMIT_S = 300
_END_LIMIT_S = 600
# Ray Train's own lines when a group of workers has started.
_STARTED = "Started training worker group of size "
_PLACED = re.compile(r"pid=(\d+)\) world_rank=(\d+)")


@dataclass(frozen=True)
class Training:
    """A run, and the process of its driver."""

    spec: RunSpec
    store: LocalStore
    driver: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """The driver's output; that of an earlier driver of the run comes first."""
        return self.log.read_text(errors="replace")

    def groups(self) -> list[int]:
        """How many workers each group had, one after the other."""
        return [int(size) for size in re.findall(rf"{_STARTED}(\d+)", self.said())]

    def worker(self, rank: int) -> psutil.Process:
        """The process of a rank of the newest group."""
        placed = _PLACED.findall(self.said().rpartition(_STARTED)[2])
        (pid,) = [int(pid) for pid, told in placed if int(told) == rank]
        return psutil.Process(pid)

    def checkpoints(self) -> list[Checkpoint]:
        """Those that are committed, the newest last."""
        return checkpoints_of(self.store, self.spec.run_id)

    def committed(self, *, after: int = 0) -> Checkpoint:
        """Wait for one in the middle of an epoch, of a step after that one."""

        def look() -> Checkpoint | None:
            assert self.driver.poll() is None, self.said()[-5000:]
            (newest,) = self.checkpoints()[-1:] or [None]
            is_one = newest and newest.state.within and newest.state.step > after
            return newest if is_one else None

        return until("a checkpoint within an epoch", look, limit_s=_CHECKPOINT_LIMIT_S)

    def trained_to(self, step: int) -> None:
        """Wait until it has come so far."""

        def look() -> bool:
            assert self.driver.poll() is None, self.said()[-5000:]
            key = keys.run(self.spec.run_id, "progress.json")
            found = find_document(self.store, Progress, key)
            return found is not None and found.phase == "training" and found.step >= step

        until(f"step {step}", look, limit_s=_CHECKPOINT_LIMIT_S)

    def ended(self) -> int:
        """Its exit code, at last."""
        try:
            return self.driver.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.said()[-5000:]) from None

    def result(self) -> TrainingResult:
        """What it came to, which must be something."""
        assert self.ended() == 0, self.said()[-5000:]
        return read_document(
            self.store, TrainingResult, keys.run(self.spec.run_id, "training.json")
        )

    def manifest(self) -> DatasetManifest:
        """What it trains on."""
        return read_document(self.store, DatasetManifest, self.spec.manifest.key)

    def steps(self) -> list[Step]:
        """Every step of every attempt."""
        return steps_of(self.store, self.spec.run_id)


@dataclass(frozen=True)
class Ground:
    """A cluster and a store."""

    cluster: RayCluster
    store: LocalStore
    trainings: list[Training] = field(default_factory=list)

    def train(self, run_id: str, recipe: Recipe, resources: Resources) -> Training:
        """Order a training and start its driver."""
        manifest = ManifestRef(dataset="noise", version="v1", key=keys.manifest("noise", "v1"))
        spec = RunSpec(
            run_id=run_id,
            fingerprint=run_id,
            manifest=manifest,
            recipe=recipe,
            seed=1,
            resources=resources,
            code_version="test",
        )
        write_document(self.store, spec, keys.run(run_id, "spec.json"))
        return self.drive(spec)

    def drive(self, spec: RunSpec) -> Training:
        """Start a driver of a run, as Ray's Jobs API would."""
        uri = self.store.uri(keys.run(spec.run_id, "spec.json"))
        command = [sys.executable, "-m", "ray_jobs.train_job", "--spec", uri]
        log = self.cluster.folder / f"{spec.run_id}.log"
        with log.open("ab") as file:
            driver = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                env=self.cluster.environment,
                cwd=self.cluster.folder,
            )
        self.trainings.append(Training(spec, self.store, driver, log))
        return self.trainings[-1]

    def abandon(self) -> None:
        """Kill the drivers that are left, and wait until their workers have gone with them."""
        for training in self.trainings:
            training.driver.kill()
            training.driver.wait()
        until("no worker", lambda: not self.cluster.titled("RayTrainWorker"), limit_s=60)


@contextmanager
def ground() -> Generator[Ground]:
    """A store with a data set, and a cluster of one node with one CPU."""
    with object_store() as store:
        write_dataset(store, IMAGES)
        variables = {
            "AWS_ENDPOINT_URL": store.url,
            "AWS_SHARED_CREDENTIALS_FILE": str(store.credentials),
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_PROFILE": "admin",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with ray_cluster(variables) as cluster:
            made = Ground(cluster, store)
            try:
                yield made
            finally:
                made.abandon()
