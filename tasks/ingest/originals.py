"""The original bytes of what was checked: from the folder they came from, else from the store."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import SourceRef
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import Store, fetch
from tasks.dataset.entries import Photo


class Originals:
    """The bytes of photos, each held against its hash.

    A folder on this machine is asked first, since that costs a tenth of asking the store.
    """

    def __init__(self, store: Store, source: SourceRef) -> None:
        self._store = store
        self._folder = Path(source.uri) if Path(source.uri).is_dir() else None

    def read(self, photo: Photo) -> bytes:
        """The bytes of a photo.

        Raises:
          DataError: neither the folder nor the store has what it had.
        """
        path, sha256, size_bytes = photo
        data = None if self._folder is None else _file(self._folder / path, size_bytes)
        if data is not None and hashlib.sha256(data).hexdigest() == sha256:
            return data
        key = keys.raw_image(sha256)
        return fetch(self._store, ObjectRef(key=key, sha256=sha256, size_bytes=size_bytes))


def _file(path: Path, size_bytes: int) -> bytes | None:
    """The bytes of a file, None where it is not the one that it was."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
            return None
        return path.read_bytes()
    except OSError:  # gone, or not ours to read: the store has it
        return None
