"""A test split in parts, each for a task of its own."""

from __future__ import annotations

from ray_jobs.contract.dataset import DatasetManifest, ShardRef, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.training.data.share import shards_of

# A minute's work of a CPU. The CPUs of now play no part: a cluster grows once tasks wait for it.
PART_IMAGES = 500


def parts_of(manifest: DatasetManifest) -> list[tuple[ShardRef, ...]]:
    """The test shards of a version in parts of about `PART_IMAGES` images, whole shards each.

    Raises:
      DataError: the version has no test images.
    """
    shards = [shard for shard in manifest.shards[Split.TEST] if shard.records]
    images = sum(shard.records for shard in shards)
    if not images:
        raise DataError(
            f"{manifest.dataset} {manifest.version} has no test images",
            "images in every split",
            "Add images and ingest again",
        )
    parts = min(len(shards), -(-images // PART_IMAGES))
    return [shards_of(part, parts, shards) for part in range(parts)]
