"""One worker of a training: who it is, what it was ordered, where it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray
import ray.train

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.document import Document
from ray_jobs.contract.run import RunSpec
from ray_jobs.storage import Store, connect
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.data.share import Share, share_of
from ray_jobs.training.order import read_order
from ray_jobs.training.progress import ProgressBoard


class WorkerTrace(Document):
    """`runs/<run_id>/workers/<rank>.json`: what a worker can be held to.

    `weights` is the digest of the trained variables after each epoch since `first_epoch`: the same
    on every rank. `samples` are the images of its first epoch: disjoint between ranks, and together
    the training split.
    """

    rank: int
    workers: int
    replicas: int
    first_epoch: int
    weights: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


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
        )

    @property
    def is_chief(self) -> bool:
        """Whether this worker speaks for all: it saves and reports."""
        return self.rank == 0

    def share(self, split: Split) -> Share:
        """This worker's part of a split."""
        shards = self.manifest.shards[split]
        return share_of(self.rank, self.world, shards, global_batch=self.spec.recipe.batch_size)

    @property
    def folder(self) -> Path:
        """Its own place on disk, below the working folder that Ray gives a training."""
        return Path.cwd() / f"worker-{self.rank}"

    def photos(self, split: Split) -> Photos:
        """The photos of its share, on its disk. Raises DataError."""
        shards = self.share(split).shards
        return fetch_photos(self.store, self.manifest, split, shards, self.folder)

    def leave_trace(self, trace: WorkerTrace) -> None:
        """Write the trace, over the one of the epoch before."""
        key = keys.run(self.spec.run_id, f"workers/{self.rank}.json")
        self.store.put(key, trace.to_json())
