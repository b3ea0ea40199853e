"""Fetch one remote file to this machine: limited, resumed, checked."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from tasks.sources.fetching import cache
from tasks.sources.fetching.cache import Slot
from tasks.sources.fetching.remote import Remote, Told

MAX_BYTES = 50 * 10**9
MAX_FAILURES = 5  # in a row, without a byte in between
TOLD_EVERY_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here now; `stamp` changes when its bytes may have changed."""

    path: Path
    stamp: str


def fetch(
    remote: Remote, sha256: str | None = None, pause: Callable[[float], None] = time.sleep
) -> Fetched:
    """Fetch a file, or take the one that is here where nothing has changed.

    A fetch that broke goes on where it was, also in another process, if the server says which
    version it sends.

    Args:
      remote: the file.
      sha256: what it must have.
      pause: called with the seconds between two tries.

    Raises:
      SpecError: it is not there, or is larger than 50 GB.
      DataError: it has another sha256.
      CredentialError: it is refused.
      ClusterError: the connection broke again and again.
    """
    with cache.slot(cache.folder(), remote.key) as slot:
        told = remote.look()
        check_size(remote.name, told)
        _forget_another(slot, told)
        if told.size_bytes is None or slot.size() != told.size_bytes:
            told = _get(remote, slot, told, pause)
        slot.data.touch()
        return Fetched(slot.data, _stamp(slot, told, sha256, remote.name))


def check_size(name: str, told: Told) -> None:
    """Refuse what is too large before a byte of it is fetched. Raises SpecError."""
    if told.size_bytes is not None and told.size_bytes > MAX_BYTES:
        raise _too_large(name, f"{told.size_bytes:,}")


def _forget_another(slot: Slot, told: Told) -> None:
    facts = json.dumps(asdict(told))
    if told.version is None or not slot.facts.exists() or slot.facts.read_text() != facts:
        slot.clear()
        slot.facts.write_text(facts)


def _get(remote: Remote, slot: Slot, told: Told, pause: Callable[[float], None]) -> Told:
    failures = 0
    while True:
        before = slot.size()
        try:
            return _go_on(remote, slot, told)
        except ClusterError as error:
            failures = 0 if slot.size() > before else failures + 1
            if failures >= MAX_FAILURES:
                raise
            log.warning("%s; trying again", error.fact)
            pause(float(2**failures))


def _go_on(remote: Remote, slot: Slot, told: Told) -> Told:
    start = slot.size() if told.version and told.size_bytes else 0
    with remote.opened(start, told) as coming, slot.data.open("ab") as file:
        if coming.told != told:  # changed since it was looked at
            told = coming.told
            slot.facts.write_text(json.dumps(asdict(told)))
            if coming.start:  # a server that does not know If-Range
                file.truncate(0)
                raise _changed(remote.name)
        file.truncate(min(coming.start, start))
        for chunk in _limited(remote.name, coming.chunks, coming.start, told.size_bytes):
            file.write(chunk)
    if told.size_bytes is not None and slot.size() < told.size_bytes:
        raise ClusterError(
            f"{remote.name} ended after {slot.size():,} of {told.size_bytes:,} bytes",
            "the whole file",
            "Run the ingest again: it goes on there",
        )
    return told


def _limited(name: str, chunks: Iterator[bytes], done: int, size: int | None) -> Iterator[bytes]:
    """The chunks, told now and then, up to the limit: what was told of the size may be wrong."""
    told_at = time.monotonic()
    for chunk in chunks:
        done += len(chunk)
        if done > MAX_BYTES:
            raise _too_large(name, f"more than {MAX_BYTES:,}")
        if time.monotonic() - told_at >= TOLD_EVERY_S:
            told_at = time.monotonic()
            of_all = f" of {size / 1e6:,.0f}" if size else ""
            log.info("fetched %s%s MB of %s", f"{done / 1e6:,.0f}", of_all, name)
        yield chunk


def _stamp(slot: Slot, told: Told, sha256: str | None, name: str) -> str:
    if sha256 is None and told.version is not None:
        return f"{told.version}:{told.size_bytes}"
    with slot.data.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 is not None and found != sha256:
        slot.clear()
        raise DataError(
            f"{name} has sha256 {found}",
            f"{sha256}, as its address says",
            "Correct the address, or look at who has changed the file",
        )
    return found


def _changed(name: str) -> ClusterError:
    return ClusterError(
        f"{name} has changed while it was fetched", "one version of it", "Run the ingest again"
    )


def _too_large(name: str, size: str) -> SpecError:
    return SpecError(
        f"{name} has {size} bytes",
        f"at most {MAX_BYTES:,}",
        "Unpack it into a bucket, and pass the s3:// prefix; or pack the photos smaller",
    )
