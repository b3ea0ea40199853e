"""The TFRecord shards of a version: those of an earlier one that serve, and the rest written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ShardRef, Split
from ray_jobs.storage import Store, put_content
from tasks.dataset.entries import Photo
from tasks.ingest.originals import Originals
from tasks.ingest.workbook import Workbook
from tasks.photos.images import upright_rgb
from tasks.shards import layout
from tasks.shards.layout import deal
from tasks.shards.records import files, image_example
from tasks.shards.reuse import plan_split

THREADS = 16
_AHEAD = 16 * THREADS

Shards = dict[Split, tuple[ShardRef, ...]]


def write_shards(store: Store, book: Workbook, base: Shards, originals: Originals) -> Shards:
    """Write what no shard of the base holds; the entries then name their shard.

    Args:
      store: takes the shards.
      book: entries, those kept with a split; and which content lies where in the base.
      base: the shards of the version before, or none.
      originals: the photos that they are made of.

    Returns:
      The shards of each split.

    Raises:
      DataError: an original is not what it was.
    """
    shards: Shards = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for split in Split:
            plan = plan_split(book, split, base.get(split, ()))
            refs = plan.shards
            for photos in deal(book, split, plan.count):
                for inside, data in files(_records(pool, originals, photos), layout.MAX_BYTES):
                    refs.append(_write(store, split, data, len(inside)))
                    rows = ((refs[-1].key, photo.path) for photo in inside)
                    book.update("UPDATE entry SET shard = ? WHERE path = ?", rows)
            shards[split] = tuple(refs)
    return shards


def _records(
    pool: Executor, originals: Originals, photos: Sequence[Photo]
) -> Iterator[tuple[Photo, bytes]]:
    """The record of each photo; a few are made ahead."""
    for start in range(0, len(photos), _AHEAD):
        some = photos[start : start + _AHEAD]
        yield from zip(some, pool.map(partial(_record, originals), some), strict=True)


def _write(store: Store, split: Split, data: bytes, records: int) -> ShardRef:
    key = keys.shard(split, hashlib.sha256(data).hexdigest())
    ref = put_content(store, key, data)
    return ShardRef(**ref.model_dump(), records=records, stored=records)


def _record(originals: Originals, photo: Photo) -> bytes:
    return image_example(upright_rgb(originals.read(photo)), photo.sha256)
