"""The photos of a data set version, the training labels shuffled."""

from __future__ import annotations

import random
from pathlib import Path

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, ImageState, LatestVersion, Split
from ray_jobs.storage import Store, fetch, read_document
from tasks.dataset.entries import Entry, decode_entries


def kept_entries(store: Store, dataset: str) -> list[Entry]:
    """The photos of the newest version that count."""
    latest = read_document(store, LatestVersion, keys.latest(dataset))
    manifest = read_document(store, DatasetManifest, keys.manifest(dataset, latest.version))
    rows = decode_entries(fetch(store, manifest.entries))
    return [row for row in rows if row.state is ImageState.KEPT]


def write_spoiled(entries: list[Entry], photos: Path, folder: Path, *, seed: int) -> int:
    """Copy the photos that count into class folders, those of training into any but their own way.

    Labels are dealt out anew among the groups of near-duplicates of the training split: what was
    alike stays alike, each class keeps about its share, and validation and test stay as they are.

    Args:
      entries: of the version, those that are kept.
      photos: the source that it was made of.
      folder: is made.
      seed: of the shuffle.

    Returns:
      How many photos have a wrong label.
    """
    learnt = {one.group: one.label for one in entries if one.split is Split.TRAIN}
    labels = list(learnt.values())
    random.Random(seed).shuffle(labels)
    dealt = dict(zip(learnt, labels, strict=True))
    wrong = 0
    for one in entries:
        label = dealt.get(one.group, one.label)
        wrong += label != one.label
        place = folder / label / one.path.replace("/", "-")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((photos / one.path).read_bytes())
    return wrong
