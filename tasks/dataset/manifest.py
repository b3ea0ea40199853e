"""The manifest of a data set version: built from a workbook, published last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from ray_jobs.contract.dataset import DatasetManifest, SourceRef, Split, StateCounts
from ray_jobs.contract.document import ObjectRef
from tasks.ingest.counts import per_check, per_class, per_split_and_class, per_state
from tasks.ingest.workbook import Workbook
from tasks.shards.writing import Shards

_FACTS = (
    'SELECT path, label, state, duplicate_of, split, "group", sha256 FROM entry ORDER BY path',
    "SELECT DISTINCT label FROM kept ORDER BY label",
    'SELECT sha256, label, "group", split FROM ledger'
    " WHERE sha256 IN (SELECT sha256 FROM kept) ORDER BY sha256",
)


@dataclass(frozen=True)
class Ingested:
    """What the steps before have made of a source; `book` holds its entries and the ledger."""

    dataset: str
    source: SourceRef
    book: Workbook
    shards: Shards


def version_of(book: Workbook) -> str:
    """The name of a version, 12 hex digits: hash of (entries, class list, their ledger rows).

    Of an entry counts what it is and where it went; hashes of pixels and sizes follow from its
    bytes, the words of a reason may change with a library, and which shard holds a record depends
    on the versions before.
    """
    name = hashlib.sha256()
    for sql in _FACTS:
        for row in book.execute(sql):
            name.update(f"{json.dumps(row)}\n".encode())
        name.update(b"\n")
    return name.hexdigest()[:12]


def build_manifest(ingested: Ingested, version: str, entries: ObjectRef) -> DatasetManifest:
    """The manifest of one version; `entries` is where its table lies."""
    book = ingested.book
    classes = tuple(per_class(book))
    kept = per_split_and_class(book)
    return DatasetManifest(
        dataset=ingested.dataset,
        version=version,
        source=ingested.source,
        classes=classes,
        images=StateCounts(**per_state(book)),
        checks=per_check(notes for (notes,) in book.execute("SELECT notes FROM entry")),
        splits={split: {name: kept.get((split, name), 0) for name in classes} for split in Split},
        shards=ingested.shards,
        entries=entries,
    )
