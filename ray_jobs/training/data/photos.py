"""The photos of a split as a job has them: shards on its disk, and who counts in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ray_jobs.contract.dataset import DatasetManifest, ShardRef, Split
from ray_jobs.storage import Store
from ray_jobs.training.data.cache import fetch_shards
from ray_jobs.training.data.roster import Roster, read_roster


@dataclass(frozen=True)
class Photos:
    """Shards, in their order; of their records, those of the roster count."""

    files: Sequence[Path]
    roster: Roster


def fetch_photos(
    store: Store,
    manifest: DatasetManifest,
    split: Split,
    shards: Sequence[ShardRef],
    folder: Path,
    told: Callable[[], None] = lambda: None,
) -> Photos:
    """Bring some shards of a split to `folder`; `told` is called, by any thread, after each.

    Raises:
      DataError: a shard or the table of entries is not the one that the manifest names.
    """
    return Photos(fetch_shards(store, shards, folder, told), read_roster(store, manifest, split))
