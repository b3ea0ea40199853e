"""Shards on the worker's own disk, checked against the manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ray_jobs.contract.dataset import ShardRef
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, fetch_to

_CONNECTIONS = 8


def fetch_shards(
    store: Store, shards: Sequence[ShardRef], folder: Path, told: Callable[[], None] = lambda: None
) -> list[Path]:
    """Bring shards to `folder`, in the order given; one that is there is not fetched again.

    `told` is called, by any thread, when one has come.

    Raises:
      DataError: a shard is not the one that the manifest names.
    """

    def bring(shard: ShardRef) -> Path:
        path = folder / f"{shard.sha256}.tfrecord"
        if not path.exists():
            ref = ObjectRef(key=shard.key, sha256=shard.sha256, size_bytes=shard.size_bytes)
            fetch_to(store, ref, path)
        told()
        return path

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return list(pool.map(bring, shards))
