"""Find what no version refers to, and remove it while no ingest is under way."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import ClusterError
from ray_jobs.storage import Listed, Store, fetch, read_document
from tasks.dataset.tables import from_parquet
from tasks.ingest.seen import contents_seen
from tasks.upkeep.garbage import (
    Garbage,
    Kind,
    Live,
    old,
    stray_entries,
    stray_originals,
    stray_shards,
    under_way,
)


def collect(store: Store, before: datetime) -> Garbage:
    """Remove what is garbage; what was.

    An ingest takes what lies in the store for written, so one that is under way may be about to
    refer to an old object to which nothing refers yet.

    Args:
      store: the bucket.
      before: what was written later stays.

    Raises:
      ClusterError: an ingest is under way: something staged is younger than `before`.
      SpecError, DataError, MissingObjectError: as for `find_garbage`.
    """
    with _alone(store):
        garbage = would_collect(store, before)
        for kind in Kind:
            store.delete(one.key for one in garbage[kind])
        return garbage


def would_collect(store: Store, before: datetime) -> Garbage:
    """What `collect` would remove; nothing is. Raises what it would raise."""
    _refuse_under_way(store, before)
    return find_garbage(store, before)


def find_garbage(store: Store, before: datetime) -> Garbage:
    """Everything that nothing refers to and that was written at `before` or earlier.

    A memory goes with the first original that it names, however young it is: the next ingest would
    not read the file again, and would miss its bytes.

    Raises:
      SpecError, DataError, MissingObjectError: a manifest or its entries cannot be read; nothing
        is known to be garbage then.
    """
    live = read_live(store)
    raw = old(stray_originals(store.listed(keys.raw_prefix()), live), before)
    return {
        Kind.MEMORY: _memories_of(store, {keys.raw_sha256(one.key) or "" for one in raw}),
        Kind.STAGING: old(_staged(store), before),
        Kind.ENTRIES: old(stray_entries(store.listed(keys.dataset_prefix()), live), before),
        Kind.SHARDS: old(stray_shards(store.listed(keys.shard_prefix()), live), before),
        Kind.RAW: raw,
    }


def read_live(store: Store) -> Live:
    """What the published versions refer to, by their manifests and entries."""
    live = Live()
    for key in store.keys(keys.dataset_prefix()):
        if keys.manifest_of(key):
            manifest = read_document(store, DatasetManifest, key)
            live.named.add(manifest.entries.key)
            live.named.update(ref.key for refs in manifest.shards.values() for ref in refs)
            live.originals.update(_decoded(fetch(store, manifest.entries)))
    return live


@contextmanager
def _alone(store: Store) -> Generator[None]:
    """Keep ingests from beginning (`Staging.begin`). The mark of a killed one is taken over."""
    store.put(keys.collecting(), b"")
    try:
        yield
    finally:
        store.delete([keys.collecting()])


def _refuse_under_way(store: Store, before: datetime) -> None:
    """Raise ClusterError where an ingest has staged something after `before`, and has not ended."""
    if one := under_way(_staged(store), before):
        raise ClusterError(
            f"an ingest is under way: {store.uri(one.key)}, of {one.modified:%Y-%m-%d %H:%M} UTC",
            "no ingest that may be about to refer to what is removed",
            "Wait until it has ended; if it never will, pass a lower --older-than",
        )


def _staged(store: Store) -> Iterator[Listed]:
    listing = store.listed(keys.staging_prefix())
    return (one for one in listing if one.key != keys.collecting())


def _memories_of(store: Store, originals: set[str]) -> list[Listed]:
    """The parts of memories that name one of these originals."""
    return [
        one
        for one in store.listed(keys.seen_prefix())
        if not originals.isdisjoint(contents_seen(store.get(one.key)))
    ]


def _decoded(entries: bytes) -> Iterator[bytes]:
    """sha256 of every picture that was decoded, whatever its state: its original was kept."""
    for sha256, pixels in from_parquet(entries, ("sha256", "pixel_sha256")):
        if pixels:
            yield bytes.fromhex(sha256)
