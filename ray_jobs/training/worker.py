"""One worker of a training: who it is, what it was ordered, where it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray
import ray.train

from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.run import Progress, RunSpec
from ray_jobs.storage import Store, connect
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.data.share import Share, batches_of, share_of
from ray_jobs.training.order import read_order
from ray_jobs.training.progress import ProgressBoard
from ray_jobs.training.watchdog import Watchdog


@dataclass(frozen=True)
class Worker:
    """Its place in the group, its order, and its hands."""

    rank: int
    world: int
    cpus: int
    spec: RunSpec
    manifest: DatasetManifest
    store: Store
    board: ProgressBoard
    watchdog: Watchdog

    @classmethod
    def from_config(cls, config: Mapping[str, str]) -> Worker:
        """What Ray says of this process, and the order that the driver sent."""
        context = ray.train.get_context()
        order = read_order(config)
        store = connect(order.bucket)
        given = ray.get_runtime_context().get_assigned_resources()
        return cls(
            rank=context.get_world_rank(),
            world=context.get_world_size(),
            cpus=max(1, int(given.get("CPU", 1))),
            spec=order.spec,
            manifest=order.manifest,
            store=store,
            board=ProgressBoard(store, order.spec.run_id),
            watchdog=Watchdog(60 * order.spec.resources.stall_minutes),
        )

    @property
    def is_chief(self) -> bool:
        """Whether this worker speaks for all: it saves and reports."""
        return self.rank == 0

    def share(self, split: Split) -> Share:
        """This worker's part of a split."""
        shards = self.manifest.shards[split]
        return share_of(self.rank, self.world, shards, global_batch=self.spec.recipe.batch_size)

    def largest_batch(self, split: Split) -> int:
        """Images a step of the worker that takes most of a split."""
        shards, batch = self.manifest.shards[split], self.spec.recipe.batch_size
        return max(batches_of(self.world, shards, global_batch=batch))

    @property
    def folder(self) -> Path:
        """Its own place on disk, below the working folder that Ray gives a training."""
        return Path.cwd() / f"worker-{self.rank}"

    def photos(self, split: Split) -> Photos:
        """The photos of its share, on its disk. Raises DataError."""
        shards, told = self.share(split).shards, self.watchdog.progress
        return fetch_photos(self.store, self.manifest, split, shards, self.folder, told)

    def show(self, progress: Progress) -> None:
        """Show how far it has come."""
        self.watchdog.progress()
        self.board.show(progress)
