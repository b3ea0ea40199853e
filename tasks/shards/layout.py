"""Which image goes into which shard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby, starmap

from ray_jobs.contract.dataset import Split
from tasks.dataset.entries import Photo
from tasks.ingest.workbook import Workbook
from tasks.photos.images import MAX_SIDE_PX

MAX_BYTES = 64 * 10**6
# Several workers share val and test as well; training has more, so that it can grow.
AT_LEAST = {Split.TRAIN: 16, Split.VAL: 4, Split.TEST: 4}

_SIZES = "SELECT width, height, size_bytes FROM kept WHERE split = ?"
_DEALT = """
SELECT path, sha256, size_bytes, (row_number() OVER (ORDER BY label, sha256) - 1) % ? AS shard_no
FROM kept WHERE split = ? AND shard IS NULL ORDER BY shard_no, sha256
"""


def shard_count(book: Workbook, split: Split) -> int:
    """How many shards the images of a split make, written all at once."""
    images = book.count("SELECT count(*) FROM kept WHERE split = ?", split)
    size = sum(starmap(_expected_bytes, book.execute(_SIZES, split)))
    # Aimed at three quarters of the limit, since sizes are estimates; the writer holds the limit.
    return min(images, max(AT_LEAST[split], math.ceil(size / (0.75 * MAX_BYTES))))


def deal(book: Workbook, split: Split, count: int) -> Iterator[list[Photo]]:
    """The images of a split that are in no shard yet, dealt round into shards like cards.

    Dealt class by class, so that shards differ by one image at most, in number and in each class;
    within a shard in the order of their hashes, so that the classes are mixed.

    Args:
      book: the entries.
      split: which one.
      count: of shards; at most one an image.
    """
    dealt = book.execute(_DEALT, count, split)
    for _, rows in groupby(dealt, key=lambda row: row[3]):
        yield [Photo(path, sha256, size_bytes) for path, sha256, size_bytes, _ in rows]


def _expected_bytes(width: int, height: int, size_bytes: int) -> float:
    """Size of an image's record: as it is, or four bits a pixel once it is made smaller."""
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    return min(size_bytes, width * height * scale**2 / 2)
