"""Read every file of a source, keep what is a photo, and refuse a source that is mostly broken."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.photo import MAX_FILE_BYTES
from ray_jobs.storage import Store
from tasks.dataset.entries import Entry
from tasks.ingest.checked import Checked
from tasks.ingest.seen import Memory
from tasks.photos.images import Inspected, inspect, too_large
from tasks.photos.noting import has_wrong_extension, joined
from tasks.photos.rejection import Note, Rejected, Rejection
from tasks.sources.base import Images, Look, SourceImage

THREADS = 16
_AHEAD = 4 * THREADS

Progress = Callable[[int, int], None]


def check_images(
    store: Store, images: Images, memory: Memory, progress: Progress | None = None
) -> Iterator[Checked]:
    """Check every file, and keep the originals of those that are photos; a few are held at once.

    Args:
      store: originals go below `raw/`, once a content.
      images: of one source, sorted by path.
      memory: what of it was seen before; takes in what is seen now.
      progress: called with (files done, files in all) after each file.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        for done, (stamp, one) in enumerate(_in_order(pool, store, images, memory), start=1):
            if one.rejected is None or one.rejected.reason.is_of_the_bytes:
                memory.add(stamp, one.entry)
            if progress is not None:
                progress(done, len(images))
            yield one
    memory.close()


def _in_order(
    pool: Executor, store: Store, images: Images, memory: Memory
) -> Iterator[tuple[str | None, Checked]]:
    """The stamp of each image and what was found, in their order; a few are read ahead."""
    ahead: deque[tuple[str | None, Callable[[], Checked]]] = deque()
    for image in images:
        look = Look() if image.problem else image.file.look()
        known = memory.recall(image, look.stamp)
        if known is None:
            ahead.append((look.stamp, pool.submit(_check, store, image, look.size_bytes).result))
        else:
            ahead.append((look.stamp, partial(_recalled, known)))
        if len(ahead) > _AHEAD:
            stamp, result = ahead.popleft()
            yield stamp, result()
    for stamp, result in ahead:
        yield stamp, result()


def _recalled(entry: Entry) -> Checked:
    return Checked(entry, None if entry.reason is None else Rejected.parse(entry.reason))


def _check(store: Store, image: SourceImage, size_bytes: int | None) -> Checked:
    if image.problem is not None:
        return _turned_away(image, image.problem)
    if size_bytes is not None and size_bytes > MAX_FILE_BYTES:
        return _turned_away(image, too_large())
    try:
        data = image.read()
    except OSError as error:
        why = error.strerror or str(error) or "no access"
        return _turned_away(image, Rejected(Rejection.UNREADABLE, why))
    found = inspect(data)
    if isinstance(found, Rejected):
        return _turned_away(image, found, data)
    # Most are new: one conditional write costs less than a question and a write.
    store.put_once(keys.raw_image(found.sha256), data)
    return Checked(_row(image, found, len(data)), None)


def _row(image: SourceImage, found: Inspected, size_bytes: int) -> Entry:
    notes = set(image.notes | found.notes)
    if has_wrong_extension(image.path, found.format):
        notes.add(Note.WRONG_EXTENSION)
    return Entry(
        path=image.path,
        label=image.label,
        state=ImageState.KEPT,
        sha256=found.sha256,
        pixel_sha256=found.pixel_sha256,
        phash=found.phash,
        width=found.width,
        height=found.height,
        size_bytes=size_bytes,
        notes=joined(notes),
        pinned=image.pinned,
    )


def _turned_away(image: SourceImage, why: Rejected, data: bytes | None = None) -> Checked:
    row = Entry(
        image.path,
        image.label,
        ImageState.QUARANTINED,
        reason=str(why),
        notes=joined({why.reason.code, *image.notes}),
        pinned=image.pinned,
    )
    if data is not None and len(data) <= MAX_FILE_BYTES:  # more than that is not read
        row = replace(row, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    return Checked(row, why)
