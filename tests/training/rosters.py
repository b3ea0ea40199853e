"""What a version says of its images, for tests: rosters, and tables of entries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ray_jobs.contract.dataset import DatasetManifest, ImageState, Split
from ray_jobs.storage import Store, put_content
from tasks.entries import Entry, encode_entries

Images = Sequence[tuple[bytes, int]]


def sha_of(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()


def roster_of(images: Images) -> dict[str, int]:
    return {sha_of(image): label for image, label in images}


def entries_of(
    images: Images, split: Split, classes: Sequence[str], state: ImageState = ImageState.KEPT
) -> list[Entry]:
    """A row an image; where it is not kept, it belongs to no split."""
    return [
        Entry(
            path=f"{split}/{sha_of(image)}.jpg",
            label=classes[label],
            state=state,
            split=split if state is ImageState.KEPT else None,
            sha256=sha_of(image),
        )
        for image, label in images
    ]


def with_entries(
    store: Store, manifest: DatasetManifest, entries: Iterable[Entry]
) -> DatasetManifest:
    """The manifest of a version that has these entries; their table is in the store."""
    table = put_content(store, manifest.entries.key, encode_entries(entries))
    return manifest.model_copy(update={"entries": table})
