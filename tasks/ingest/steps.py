"""The four steps of an ingest: check, split, shards, publish.

Each takes the store and plain values and answers plain values; what it hands to the next lies in
the store (`tasks.ingest.staging`). So each may be repeated, on any machine, after any accident, and
the manifest comes out the same.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import (
    DatasetManifest,
    LatestVersion,
    ShardRef,
    SourceRef,
    Split,
)
from ray_jobs.contract.document import canonical_json
from ray_jobs.storage import Store, fetch, find_document, read_document
from tasks.dataset.entries import close_entries, encode_entries, open_entries
from tasks.dataset.manifest import Ingested, version_of
from tasks.ingest.check import Progress, check_images
from tasks.ingest.checked import Checked, Found
from tasks.ingest.class_map import apply_class_map, parse_class_map
from tasks.ingest.class_names import name_warnings
from tasks.ingest.counts import per_split, per_state
from tasks.ingest.dedupe import dedupe
from tasks.ingest.ledger import read_ledger
from tasks.ingest.originals import Originals
from tasks.ingest.place import place
from tasks.ingest.publication import PublishedDataset, publish_version
from tasks.ingest.seen import Memory
from tasks.ingest.staging import Staged, Staging
from tasks.ingest.workbook import Workbook
from tasks.names import dataset_name
from tasks.near_duplicates.likeness import alike_pairs
from tasks.shards import writing
from tasks.shards.reuse import open_base
from tasks.sources.registry import Buckets, open_source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What a person says of a source.

    Attributes:
      uri: where it is.
      format: one of `tasks.sources.formats.FORMATS`.
      class_map: YAML, or the name of a map of ours; empty: none.
      keep_test: honour the source's own test split.
    """

    uri: str
    format: str = "auto"
    class_map: str = ""
    keep_test: bool = False


def dataset_name_for(source_uri: str, name: str = "", source_format: str = "auto") -> str:
    """The name that is given, or else the source's own.

    Raises:
      SpecError: it is no data set name, or the source's address is none.
    """
    return dataset_name(name or open_source(source_uri, source_format).dataset_name())


def inspect_source(
    store: Store,
    asked: Asked,
    *,
    dataset: str,
    ingest_id: str,
    buckets: Buckets | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read and check every file; keep the originals and stage the table.

    Args:
      store: where the originals and the table go.
      asked: which source, and how it is read.
      dataset: its name.
      ingest_id: names this ingest.
      buckets: opens the bucket of an `s3://` source.
      progress: called with (files done, files in all) after each file.

    Raises:
      SpecError: the source, the class map or the name is wrong.
      DataError: the source holds no image, or more than 5% of its files are unreadable.
      CredentialError: the source refuses us.
      ClusterError: the source does not answer, or garbage is being collected.
    """
    staging, found = Staging(store, dataset_name(dataset), ingest_id), Found()
    table = encode_entries(found.counted(_checked(asked, staging, buckets, progress)))
    found.refuse()
    _tell_rejected(found)
    staging.write(Staged.INSPECTED, table)
    answer = {"files": found.files, "unreadable": found.unreadable, "checks": found.checks}
    return {"dataset": dataset, "ingest_id": ingest_id, **answer}


def _checked(
    asked: Asked, staging: Staging, buckets: Buckets | None, progress: Progress | None
) -> Iterator[Checked]:
    """What was found of each file; the list of them all is gone with the last one."""
    class_map = parse_class_map(asked.class_map)
    source = open_source(asked.uri, asked.format, keep_test=asked.keep_test, buckets=buckets)
    mapped = apply_class_map(class_map, source.images())
    described = source.describe().model_copy(update={"class_map": mapped.changes})
    staging.begin(canonical_json(described.model_dump()))
    memory = Memory(staging.store, staging.dataset, described.uri, staging.ingest_id)
    yield from check_images(staging.store, mapped.images, memory, progress)


def _tell_rejected(found: Found) -> None:
    """The first files that are kept out, by name; the table holds them all."""
    for told in found.told:
        log.warning("%s", told)
    if found.rejected > len(found.told):
        more = found.rejected - len(found.told)
        log.warning("and %d more; the column `reason` tells each", more)


def assign_splits(
    store: Store, *, dataset: str, ingest_id: str, seed: int = 0, strict: bool = False
) -> dict[str, Any]:
    """Set duplicates, conflicts and small classes apart; give every image left its split for good.

    Raises:
      DataError: fewer than two classes are left, a split is empty, or (if strict) a class is small.
    """
    staging = Staging(store, dataset, ingest_id)
    book = open_entries(staging.read(Staged.INSPECTED))
    dedupe(book)
    warnings = name_warnings(book)
    warnings += place(store, dataset, book, near=alike_pairs, seed=seed, strict=strict)
    for warning in warnings:
        log.warning("%s", warning)
    staging.write(Staged.ASSIGNED, close_entries(book))
    answer = {"images": per_state(book), "splits": per_split(book), "warnings": warnings}
    return {"dataset": dataset, "ingest_id": ingest_id, **answer}


def write_shards(store: Store, *, dataset: str, ingest_id: str) -> dict[str, Any]:
    """Write the TFRecord shards and stage where each image went.

    Raises:
      DataError: an original is not what it was, or the step before has not run.
    """
    staging = Staging(store, dataset, ingest_id)
    book = open_entries(staging.read(Staged.ASSIGNED))
    base = _open_base(store, dataset, book)
    written = writing.write_shards(store, book, base, Originals(store, _source(staging)))
    staging.write(Staged.SHARDED, close_entries(book))
    listed = {split.value: [ref.model_dump() for ref in refs] for split, refs in written.items()}
    staging.write(Staged.SHARDS, canonical_json(listed))
    counts = {split: len(refs) for split, refs in listed.items()}
    return {"dataset": dataset, "ingest_id": ingest_id, "shards": counts}


def publish(store: Store, *, dataset: str, ingest_id: str) -> PublishedDataset:
    """Write entries, then the manifest, then the pointer; then remove what was staged.

    Repeated after its end, it answers the same.

    Raises:
      DataError: the step before has not run.
    """
    staging = Staging(store, dataset, ingest_id)
    receipt = staging.find(Staged.RECEIPT)
    if receipt is None or staging.find(Staged.SHARDS) is not None:
        receipt = canonical_json(publish_version(store, _ingested(store, staging)))
        staging.write(Staged.RECEIPT, receipt)
    staging.clear()
    return cast("PublishedDataset", json.loads(receipt))


def _open_base(store: Store, dataset: str, book: Workbook) -> writing.Shards:
    """The shards of this very version, if it was published before, or else of the newest one."""
    read_ledger(store, dataset, book)
    found = find_document(store, DatasetManifest, keys.manifest(dataset, version_of(book)))
    if found is None and (latest := find_document(store, LatestVersion, keys.latest(dataset))):
        key = keys.manifest(dataset, latest.version)
        found = read_document(store, DatasetManifest, key)
    if found is None:
        return {}
    open_base(book, fetch(store, found.entries))
    return found.shards


def _source(staging: Staging) -> SourceRef:
    return SourceRef(**json.loads(staging.read(Staged.SOURCE)))


def _ingested(store: Store, staging: Staging) -> Ingested:
    listed = json.loads(staging.read(Staged.SHARDS))
    book = open_entries(staging.read(Staged.SHARDED))
    read_ledger(store, staging.dataset, book)
    return Ingested(
        dataset=staging.dataset,
        source=_source(staging),
        book=book,
        shards={split: tuple(ShardRef(**ref) for ref in listed[split]) for split in Split},
    )
