"""One `up` or `down` of a home at a time; no port chosen by two homes at once."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from infra.local.home import PRIVATE_FILE, Home, using
from infra.local.ports import is_free


@contextmanager
def exclusive(home: Home, report: Callable[[str], None]) -> Generator[None]:
    """Hold the home until the block ends; wait for whoever holds it.

    Raises:
      SpecError: the home cannot be used.
    """
    with using(home):
        lock = _open(home.root / "lock")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another start or stop in {home.root}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def port_claims() -> Generator[Callable[[int], bool]]:
    """Give a function that claims a free port, until the block ends.

    Between the choice of a port and the moment when its part listens lie up to half a minute: two
    homes that start at once would choose the same ones. A claim is a lock on the byte of that
    number in a file that all homes of a user share; it ends with the process, however it ends.
    """
    with _open(Path("/tmp") / f"sortline-{os.getuid()}.ports") as locks:

        def claim(port: int) -> bool:
            try:
                fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            except OSError:
                return False
            return is_free(port)

        yield claim


def _open(path: Path) -> io.FileIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    return io.FileIO(os.open(path, flags, PRIVATE_FILE), "r+")
