"""The TFRecord shards of a version: which image goes where, and writing them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState, ShardRef, Split
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, fetch, put_content
from tasks.entries import Entry
from tasks.images import MAX_SIDE_PX, upright_rgb
from tasks.records import frame, image_example

THREADS = 16
MAX_BYTES = 64 * 10**6
# Several workers share val and test as well; training has more, so that it can grow.
AT_LEAST = {Split.TRAIN: 16, Split.VAL: 4, Split.TEST: 4}

Shards = dict[Split, tuple[ShardRef, ...]]


def write_shards(
    store: Store, entries: Sequence[Entry], labels: Mapping[str, int]
) -> tuple[Shards, list[Entry]]:
    """Write the shards of what is kept.

    Args:
      store: holds the originals below `raw/`.
      entries: those kept have a split.
      labels: class name -> label.

    Returns:
      The shards of each split, and the entries with their shard's key.

    Raises:
      DataError: an original is not what it was.
    """
    shards: Shards = {}
    shard_of: dict[str, str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for split in Split:
            refs: list[ShardRef] = []
            for dealt in deal(_kept(entries, split), AT_LEAST[split]):
                records = list(pool.map(partial(_record, store, labels), dealt))
                for run in cut([len(record) for record in records]):
                    refs.append(_write(store, split, records[run]))
                    shard_of |= {entry.path: refs[-1].key for entry in dealt[run]}
            shards[split] = tuple(refs)
    return shards, [replace(entry, shard=shard_of.get(entry.path)) for entry in entries]


def deal(entries: Sequence[Entry], at_least: int) -> list[list[Entry]]:
    """The images of a split, dealt round into shards like cards.

    Dealt class by class, so that shards differ by one image at most, in number and in each class;
    within a shard in the order of their hashes, so that the classes are mixed.

    Args:
      entries: of one split.
      at_least: shards, where there are as many images.
    """
    size = sum(map(_expected_bytes, entries))
    # Aimed at three quarters of the limit, since sizes are estimates; `cut` holds the limit.
    count = min(len(entries), max(at_least, math.ceil(size / (0.75 * MAX_BYTES))))
    cards = sorted(entries, key=lambda entry: (entry.label, _hash(entry)))
    return [sorted(cards[place::count], key=_hash) for place in range(count)]


def cut(sizes: Sequence[int]) -> Iterator[slice]:
    """Runs of records, given by their sizes in bytes, that fit into one shard each."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if total + size > MAX_BYTES and index > start:
            yield slice(start, index)
            start, total = index, 0
        total += size
    if sizes:
        yield slice(start, len(sizes))


def _kept(entries: Sequence[Entry], split: Split) -> list[Entry]:
    return [e for e in entries if e.state is ImageState.KEPT and e.split is split]


def _expected_bytes(entry: Entry) -> float:
    """Size of an image's record: as it is, or four bits a pixel once it is made smaller."""
    width, height = entry.width or 1, entry.height or 1
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    return min(entry.size_bytes or 0, width * height * scale**2 / 2)


def _write(store: Store, split: Split, records: Sequence[bytes]) -> ShardRef:
    data = frame(records)
    key = keys.shard(split, hashlib.sha256(data).hexdigest())
    ref = put_content(store, key, data)
    return ShardRef(**ref.model_dump(), records=len(records))


def _record(store: Store, labels: Mapping[str, int], entry: Entry) -> bytes:
    sha256 = _hash(entry)
    key = keys.raw_image(sha256)
    original = fetch(store, ObjectRef(key=key, sha256=sha256, size_bytes=entry.size_bytes or 0))
    return image_example(upright_rgb(original), labels[entry.label], sha256)


def _hash(entry: Entry) -> str:
    return entry.content.sha256
