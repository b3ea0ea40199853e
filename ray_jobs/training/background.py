"""Calls that repeat beside a training, on a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def every(interval_s: float, call: Callable[[], None], *, name: str) -> Generator[None]:
    """Call at each interval until the block ends; when it has ended, no call is under way."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(interval_s):
            call()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
