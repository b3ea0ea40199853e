"""The TFRecord shards of a version: those of an earlier one that serve, and the rest written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState, ShardRef, Split
from ray_jobs.storage import Store, put_content
from tasks.entries import Entry
from tasks.images import upright_rgb
from tasks.layout import cut, deal
from tasks.originals import Originals
from tasks.records import frame, image_example
from tasks.reuse import Base, plan_split

THREADS = 16

Shards = dict[Split, tuple[ShardRef, ...]]


def write_shards(
    store: Store, entries: Sequence[Entry], base: Base, originals: Originals
) -> tuple[Shards, list[Entry]]:
    """Write what no shard of the base holds.

    Args:
      store: takes the shards.
      entries: those kept have a split.
      base: the version before, or an empty one.
      originals: the photos that they are made of.

    Returns:
      The shards of each split, and the entries with their shard's key.

    Raises:
      DataError: an original is not what it was.
    """
    shards: Shards = {}
    shard_of: dict[str, str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for split in Split:
            plan = plan_split(_kept(entries, split), split, base)
            refs = plan.shards
            for dealt in deal(plan.fresh, plan.count):
                records = list(pool.map(partial(_record, originals), dealt))
                for run in cut([len(record) for record in records]):
                    refs.append(_write(store, split, records[run]))
                    shard_of |= {_hash(entry): refs[-1].key for entry in dealt[run]}
            shards[split] = tuple(refs)
            shard_of |= plan.shard_of
    return shards, [_in_shard(entry, shard_of) for entry in entries]


def _kept(entries: Sequence[Entry], split: Split) -> list[Entry]:
    return [e for e in entries if e.state is ImageState.KEPT and e.split is split]


def _in_shard(entry: Entry, shard_of: Mapping[str, str]) -> Entry:
    if entry.state is not ImageState.KEPT:
        return entry
    return replace(entry, shard=shard_of[_hash(entry)])


def _write(store: Store, split: Split, records: Sequence[bytes]) -> ShardRef:
    data = frame(records)
    key = keys.shard(split, hashlib.sha256(data).hexdigest())
    ref = put_content(store, key, data)
    return ShardRef(**ref.model_dump(), records=len(records), stored=len(records))


def _record(originals: Originals, entry: Entry) -> bytes:
    return image_example(upright_rgb(originals.read(entry)), _hash(entry))


def _hash(entry: Entry) -> str:
    return entry.content.sha256
