"""Calls that repeat beside a block."""

from __future__ import annotations

import threading
import time

from ray_jobs.training.background import every


def test_a_call_that_is_under_way_when_the_block_ends_is_waited_for():
    begun, ended = threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        time.sleep(0.1)
        ended.set()

    with every(0.0, call, name="slow"):
        begun.wait()
    assert ended.is_set()
