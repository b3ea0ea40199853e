"""The folder of fetched archives: this user's alone, one file an address, a day after its use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ray_jobs.contract.errors import ClusterError

KEPT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one address is kept: its bytes so far, and what was told of them."""

    data: Path
    facts: Path

    def size(self) -> int:
        """Bytes that are there."""
        return self.data.stat().st_size if self.data.exists() else 0

    def clear(self) -> None:
        """Remove what is there."""
        self.facts.unlink(missing_ok=True)
        self.data.unlink(missing_ok=True)


def folder() -> Path:
    """The folder below TMPDIR, made where it is not there.

    Raises:
      ClusterError: somebody else has made it.
    """
    path = Path(tempfile.gettempdir()) / f"sortline-sources-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ClusterError(
            f"{path} is not this user's alone",
            "a folder of this user that nobody else may enter",
            "Remove it, or set TMPDIR to a folder of this user",
        )
    return path


@contextmanager
def slot(path: Path, name: str) -> Generator[Slot]:
    """The slot of an address, held against other processes until the block ends.

    Args:
      path: the folder.
      name: the address.
    """
    stem = path / hashlib.sha256(name.encode()).hexdigest()[:24]
    with stem.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_old(path, keep=stem.name)
        yield Slot(stem.with_suffix(".data"), stem.with_suffix(".json"))


def _remove_old(path: Path, keep: str) -> None:
    oldest = time.time() - KEPT_S
    for file in path.iterdir():
        if file.stem != keep and file.suffix != ".lock" and _used_at(file) < oldest:
            file.unlink(missing_ok=True)


def _used_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # another process has removed it
        return 0.0
