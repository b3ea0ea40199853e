"""Read every file of a source, keep what is a photo, and refuse a source that is mostly broken."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Store
from tasks.entries import Entry
from tasks.images import MAX_FILE_BYTES, Inspected, inspect, too_large
from tasks.noting import has_wrong_extension, joined
from tasks.rejection import Note, Rejected, Rejection
from tasks.seen import Memory
from tasks.sources.base import SourceImage

THREADS = 16
_AHEAD = 4 * THREADS
MAX_UNREADABLE_PERCENT = 5
_CONVERTIBLE = (".heic", ".heif", ".avif")

Progress = Callable[[int, int], None]


class Checked(NamedTuple):
    """A file's row, and why it was turned away, if it was."""

    entry: Entry
    rejected: Rejected | None


def check_images(
    store: Store,
    images: Sequence[SourceImage],
    memory: Memory,
    progress: Progress | None = None,
) -> list[Checked]:
    """Check every file and keep the originals of those that are photos.

    Args:
      store: originals go below `raw/`, once a content.
      images: of one source, sorted by path.
      memory: what of it was seen before; takes in what is seen now.
      progress: called with (files done, files in all) after each file.

    Raises:
      DataError: more than 5% of the files are unreadable, or none is a photo with a class.
    """
    checked: list[Checked] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for image, one in _in_order(pool, store, images, memory):
            checked.append(one)
            if one.rejected is None or one.rejected.reason.is_of_the_bytes:
                memory.add(image, one.entry)
            if progress is not None:
                progress(len(checked), len(images))
    memory.close()
    _refuse_if_mostly_broken(checked)
    _refuse_if_nothing_is_left(checked)
    return checked


def _in_order(
    pool: Executor, store: Store, images: Sequence[SourceImage], memory: Memory
) -> Iterator[tuple[SourceImage, Checked]]:
    """Each image with what was found, in their order; a few are read ahead."""
    ahead: deque[tuple[SourceImage, Callable[[], Checked]]] = deque()
    for image in images:
        known = None if image.problem else memory.recall(image)
        if known is None:
            ahead.append((image, pool.submit(_check, store, image).result))
        else:
            ahead.append((image, partial(_recalled, known)))
        if len(ahead) > _AHEAD:
            image, result = ahead.popleft()
            yield image, result()
    for image, result in ahead:
        yield image, result()


def _recalled(entry: Entry) -> Checked:
    return Checked(entry, None if entry.reason is None else Rejected.parse(entry.reason))


def unreadable(checked: Sequence[Checked]) -> list[Checked]:
    """Those that count as bad files."""
    return [one for one in checked if one.rejected and one.rejected.reason.is_unreadable]


def _check(store: Store, image: SourceImage) -> Checked:
    if image.problem is not None:
        return _turned_away(image, image.problem)
    if image.size_bytes is not None and image.size_bytes > MAX_FILE_BYTES:
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


def _refuse_if_mostly_broken(checked: Sequence[Checked]) -> None:
    photos = [one for one in checked if not _is_other_kind(one)]
    bad = unreadable(photos)
    if len(bad) * 100 <= MAX_UNREADABLE_PERCENT * len(photos):
        return
    named = "; ".join(f"{one.entry.path} {one.rejected}" for one in bad[:3])
    is_convertible = any(one.entry.path.lower().endswith(_CONVERTIBLE) for one in bad)
    convert = "Convert HEIC and AVIF to JPEG, repair" if is_convertible else "Repair"
    raise DataError(
        f"{len(bad)} of {len(photos)} files are unreadable ({named}{'; ...' if bad[3:] else ''})",
        f"at most {MAX_UNREADABLE_PERCENT}% that are no images or broken ones",
        f"{convert} or remove them, then ingest again",
    )


def _is_other_kind(one: Checked) -> bool:
    return one.rejected is not None and one.rejected.reason is Rejection.OTHER_KIND


def _refuse_if_nothing_is_left(checked: Sequence[Checked]) -> None:
    if any(one.rejected is None for one in checked):
        return
    first: dict[Rejection, str] = {}
    count: Counter[Rejection] = Counter()
    for one in checked:
        if one.rejected:
            count[one.rejected.reason] += 1
            first.setdefault(one.rejected.reason, f"{one.entry.path} {one.rejected}")
    told = "; ".join(f"{first[why]}{_and_more(times)}" for why, times in count.most_common(3))
    raise DataError(
        f"none of {len(checked)} files is a photo with a class ({told})",
        "photos, each with its class",
        "Look at the labels and the files, then ingest again",
    )


def _and_more(times: int) -> str:
    return f", and {times - 1} more like it" if times > 1 else ""
