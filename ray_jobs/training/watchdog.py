"""Ends a worker that makes no progress, and says where it hangs."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager

log = logging.getLogger(__name__)

# The first worker to end takes the whole group with it. It waits for this time, so that the others
# can log where they hang.
_LAST_WORDS_S = 5.0


def end_process() -> None:
    """End this worker at once: Ray Train replaces the group, from its last checkpoint on.

    A thread that waits in a collective can be told nothing else.
    """
    os._exit(1)


class Watchdog:
    """Must hear of progress every `limit_s` seconds, while it is `watching`."""

    def __init__(self, limit_s: float, end: Callable[[], None] = end_process) -> None:
        self._limit_s = limit_s
        self._end = end
        self._heard = time.monotonic()
        self._is_over = threading.Event()

    def progress(self) -> None:
        """There was some."""
        self._heard = time.monotonic()

    @contextmanager
    def watching(self) -> Generator[None]:
        """Watch until the block ends."""
        self.progress()
        thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(max(self._left(), 0.05)):
            if self._left() <= 0:
                log.critical(
                    "no progress for %.0f s; the stacks of all threads:\n%s",
                    self._limit_s,
                    _stacks(),
                )
                time.sleep(_LAST_WORDS_S)
                self._end()
                return

    def _left(self) -> float:
        return self._heard + self._limit_s - time.monotonic()


def _stacks() -> str:
    """Where each thread is, the innermost call last.

    Not by `faulthandler`: it writes to standard error alone, and of what stood there when the
    process ended nothing reached the job's log.
    """
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, for this
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, 'another')}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in frames.items()
    )
