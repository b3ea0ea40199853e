"""The manifest of a data set version: built from plain values, published last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ray_jobs.contract.dataset import (
    DatasetManifest,
    ImageState,
    SourceRef,
    Split,
    StateCounts,
)
from ray_jobs.contract.document import ObjectRef, digest
from tasks.classes import kept_per_class
from tasks.entries import Entry, per_check
from tasks.ledger import Ledger
from tasks.shards import Shards


@dataclass(frozen=True)
class Ingested:
    """What the steps before have made of a source."""

    dataset: str
    source: SourceRef
    entries: Sequence[Entry]
    shards: Shards


def class_names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The classes of which images are kept, sorted; a label is an index into it."""
    return tuple(label for label, count in kept_per_class(entries).items() if count)


def version_of(entries: Sequence[Entry], ledger: Ledger) -> str:
    """The name of a version, 12 hex digits: hash of (entries, class list, their ledger rows).

    Of an entry counts what it is and where it went; hashes of pixels and sizes follow from its
    bytes, the words of a reason may change with a library, and which shard holds a record depends
    on the versions before.
    """
    facts = sorted(
        [e.path, e.label, e.state, e.duplicate_of, e.split, e.group, e.sha256] for e in entries
    )
    kept = {e.content.sha256 for e in entries if e.state is ImageState.KEPT}
    places = [
        [row.content.sha256, row.label, row.group, row.split]
        for row in ledger.rows
        if row.content.sha256 in kept
    ]
    return digest([facts, class_names(entries), places])[:12]


def build_manifest(ingested: Ingested, version: str, entries: ObjectRef) -> DatasetManifest:
    """The manifest of one version; `entries` is where its table lies."""
    states = Counter(entry.state for entry in ingested.entries)
    classes = class_names(ingested.entries)
    kept = Counter((entry.split, entry.label) for entry in ingested.entries)
    return DatasetManifest(
        dataset=ingested.dataset,
        version=version,
        source=ingested.source,
        classes=classes,
        images=StateCounts(**{state.value: states[state] for state in ImageState}),
        checks=per_check(ingested.entries),
        splits={split: {name: kept[split, name] for name in classes} for split in Split},
        shards=ingested.shards,
        entries=entries,
    )
