"""A data set version of labelled photos in a store, as an ingest would leave it: for tests too."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, ShardRef, SourceRef, Split, StateCounts
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, put_content
from tasks.shards.records import frame, image_example
from tests.ray_jobs.training.rosters import entries_of, with_entries

Pictures = Sequence[tuple[bytes, int]]


def in_store(
    store: Store,
    dataset: str,
    pictures: Mapping[Split, Pictures],
    classes: Sequence[str],
    shards: int,
    test_shards: int = 1,
) -> DatasetManifest:
    """Put the shards and entries of a version; its manifest, `v1`, is answered alone.

    Args:
      store: takes them.
      dataset: its name.
      pictures: by split; a split that is not named is empty.
      classes: sorted; a label is an index into them.
      shards: how many the training split has.
      test_shards: the same of the test split; validation has one.
    """
    counts = {Split.TRAIN: shards, Split.VAL: 1, Split.TEST: test_shards}
    refs = {
        split: tuple(_shard(store, split, held[n :: counts[split]]) for n in range(counts[split]))
        for split, held in pictures.items()
    }
    kept = sum(map(len, pictures.values()))
    manifest = DatasetManifest(
        dataset=dataset,
        version="v1",
        source=SourceRef(uri=f"{dataset}:", format="folder"),
        classes=tuple(classes),
        images=StateCounts(kept=kept, duplicate=0, conflict=0, quarantined=0),
        splits={split: _counts(pictures.get(split, ()), classes) for split in Split},
        shards={split: refs.get(split, ()) for split in Split},
        entries=ObjectRef(key=keys.entries(dataset, "v1", "0" * 64), sha256="0" * 64, size_bytes=0),
    )
    entries = [e for split, held in pictures.items() for e in entries_of(held, split, classes)]
    return with_entries(store, manifest, entries)


def _shard(store: Store, split: Split, part: Pictures) -> ShardRef:
    data = frame(image_example(p, hashlib.sha256(p).hexdigest()) for p, _ in part)
    ref = put_content(store, keys.shard(split, hashlib.sha256(data).hexdigest()), data)
    return ShardRef(**ref.model_dump(), records=len(part), stored=len(part))


def _counts(pictures: Pictures, classes: Sequence[str]) -> dict[str, int]:
    found = Counter(label for _, label in pictures)
    return {name: found[label] for label, name in enumerate(classes)}
