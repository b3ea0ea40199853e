"""Show what a training sees: `--manifest URI --recipe NAME --split S --folder DIR --out FILE`.

Writes the first images of the first epoch to FILE, uint8 [images, side, side, 3] as NumPy keeps
it; DIR holds the shards that they are in. Prints one JSON object: `{images}`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ray_jobs.contract.dataset import DatasetManifest, ShardRef, Split
from ray_jobs.entry import exit_code_of, quieten_tensorflow
from ray_jobs.recipes import catalog
from ray_jobs.storage import connect, read_document, split_uri

SEED = 0
# As many records as this many images are drawn from: so that they are of several classes.
_DRAWN_FROM = 8


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--split", type=Split, choices=list(Split), default=Split.TRAIN)
    parser.add_argument("--images", type=int, default=36)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv)
    sys.exit(exit_code_of(lambda: write(given)))


def write(given: argparse.Namespace) -> None:
    """Draw the batch and write it.

    Raises:
      SpecError: there is no such recipe, or the manifest's address is none.
      DataError: a shard is not the one that the manifest names.
    """
    recipe = catalog.resolve(given.recipe, {})
    bucket, key = split_uri(given.manifest)
    store = connect(bucket)
    manifest = read_document(store, DatasetManifest, key)
    quieten_tensorflow()
    # TensorFlow takes seconds: `--help` and a wrong option do not wait for it.
    from ray_jobs.training.data.photos import fetch_photos
    from ray_jobs.training.data.preview import preview_batch

    shards = some_shards(manifest.shards[given.split], given.images * _DRAWN_FROM)
    photos = fetch_photos(store, manifest, given.split, shards, given.folder)
    batch = preview_batch(photos, recipe, seed=SEED, images=given.images)
    np.save(given.out, batch)
    sys.stdout.write(json.dumps({"images": len(batch)}) + "\n")


def some_shards(shards: Sequence[ShardRef], records: int) -> list[ShardRef]:
    """The first shards that hold so many records together, or all of them."""
    some: list[ShardRef] = []
    for ref in shards:
        if sum(one.records for one in some) >= records:
            break
        some.append(ref)
    return some


if __name__ == "__main__":
    main()
