"""Bytes that are checked by their sha256 wherever they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from ray_jobs.contract.document import ObjectRef
from ray_jobs.contract.errors import DataError
from ray_jobs.storage.store import Store


def put_content(store: Store, key: str, data: bytes) -> ObjectRef:
    """Write bytes once and return the reference that a reader checks them against."""
    store.put_once(key, data)
    return ObjectRef(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def fetch(store: Store, ref: ObjectRef) -> bytes:
    """Read bytes and check them.

    Raises:
      DataError: they are not those that were written.
    """
    return fetch_content(store, ref.key, ref.sha256)


def fetch_content(store: Store, key: str, sha256: str) -> bytes:
    """Read bytes and check them against what the key was written for.

    Raises:
      DataError: they are not those that were written.
    """
    data = store.get(key)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"{store.uri(key)} has sha256 {found[:12]}...",
            f"{sha256[:12]}... as recorded when it was written",
            "Restore the object from a backup, or make it again",
        )
    return data


def fetch_to(store: Store, ref: ObjectRef, path: Path) -> Path:
    """Read bytes, check them, and keep them at `path`, made whole by a rename."""
    return keep_at(path, fetch(store, ref))


def keep_at(path: Path, data: bytes) -> Path:
    """Keep bytes at `path`, made whole by a rename; several may keep the same file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each writes in a folder of its own; beside the file, as a rename stays on one file system.
    with TemporaryDirectory(dir=path.parent, prefix=".partial-") as own:
        partial = Path(own, path.name)
        partial.write_bytes(data)
        return partial.replace(path)
