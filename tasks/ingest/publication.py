"""Publish a data set version: entries, then the manifest, then the pointer."""

from __future__ import annotations

import hashlib
from typing import TypedDict

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import LatestVersion
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, put_content, write_document
from tasks.dataset.entries import close_entries
from tasks.dataset.manifest import Ingested, build_manifest, version_of
from tasks.ingest.counts import per_class, per_split, per_state


class PublishedDataset(TypedDict):
    """What an ingest answers with.

    Attributes:
      dataset: its name.
      version: 12 hex digits.
      manifest: the manifest's `s3://` address.
      images: image files a state.
      splits: kept images a split.
      classes: kept images a class.
      new: whether this call wrote the manifest; it was there where the source is unchanged.
    """

    dataset: str
    version: str
    manifest: str
    images: dict[str, int]
    splits: dict[str, int]
    classes: dict[str, int]
    new: bool


def publish_version(store: Store, ingested: Ingested) -> PublishedDataset:
    """Write entries, manifest and pointer, in this order, as far as they are not there."""
    dataset, book = ingested.dataset, ingested.book
    version = version_of(book)
    manifest = build_manifest(ingested, version, _write_entries(store, ingested, version))
    is_new = write_document(store, manifest, keys.manifest(dataset, version))
    _point_at(store, dataset, version)
    return PublishedDataset(
        dataset=dataset,
        version=version,
        manifest=store.uri(keys.manifest(dataset, version)),
        images=per_state(book),
        splits=per_split(book),
        classes=per_class(book),
        new=is_new,
    )


def _write_entries(store: Store, ingested: Ingested, version: str) -> ObjectRef:
    data = close_entries(ingested.book)
    sha256 = hashlib.sha256(data).hexdigest()
    return put_content(store, keys.entries(ingested.dataset, version, sha256), data)


def _point_at(store: Store, dataset: str, version: str) -> None:
    """Move the pointer to this version; who comes last has it."""
    key = keys.latest(dataset)
    wanted = LatestVersion(dataset=dataset, version=version).to_json()
    moved = False
    while not moved:
        found = store.get_tagged(key)
        moved = (found is not None and found.data == wanted) or store.compare_and_set(
            key, wanted, etag=None if found is None else found.etag
        )
