"""One `up` or `down` at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from infra.local.home import PRIVATE_FILE, Home


@contextmanager
def exclusive(home: Home, report: Callable[[str], None]) -> Generator[None]:
    """Hold the home, and the choice of ports on this machine, until the block ends.

    The second lock is shared by all homes of a user: two that start at once would otherwise choose
    the same ports, since neither listens yet.
    """
    everyone = Path("/tmp") / f"sortline-{os.getuid()}.lock"
    with _locked(home.root / "lock", report), _locked(everyone, report):
        yield


@contextmanager
def _locked(path: Path, report: Callable[[str], None]) -> Generator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another start or stop of a stack to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
