"""What a version says of its images, for tests: rosters, and tables of entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.storage import Store, put_content
from tasks.dataset.entries import Entry, encode_entries

Images = Sequence[tuple[bytes, int]]


def sha_of(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()


def roster_of(images: Images, shards: Iterable[Path | str]) -> dict[str, int]:
    """The roster in which each image counts wherever it lies."""
    from ray_jobs.training.data.roster import place

    return {place(str(shard), sha_of(image)): label for shard in shards for image, label in images}


def entries_of(
    images: Images, split: Split, classes: Sequence[str], state: ImageState = ImageState.KEPT
) -> list[Entry]:
    """A row an image; where it is not kept, it belongs to no split.

    Its sha256 stands for its other hashes too: no two images are near.
    """
    return [
        Entry(
            path=f"{split}/{sha_of(image)}.jpg",
            label=classes[label],
            state=state,
            split=split if state is ImageState.KEPT else None,
            group=sha_of(image) if state is ImageState.KEPT else None,
            sha256=sha_of(image),
            pixel_sha256=sha_of(image),
            phash=sha_of(image),
        )
        for image, label in images
    ]


def with_entries(
    store: Store, manifest: DatasetManifest, entries: Iterable[Entry]
) -> DatasetManifest:
    """The manifest of a version that has these entries; their table is in the store.

    An entry without a shard that is kept gets the first one of its split that holds it.
    """
    held = [
        (split, ref.key, store.get(ref.key)) for split in Split for ref in manifest.shards[split]
    ]

    def shard_of(entry: Entry) -> str | None:
        sha256 = (entry.sha256 or "").encode()
        places = (key for split, key, data in held if split is entry.split and sha256 in data)
        return entry.shard or next(places, None)

    placed = [replace(entry, shard=shard_of(entry)) for entry in entries]
    table = put_content(
        store, manifest.entries.key, encode_entries(sorted(placed, key=lambda one: one.path))
    )
    return manifest.model_copy(update={"entries": table})
