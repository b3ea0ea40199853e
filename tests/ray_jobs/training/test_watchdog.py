"""A worker that hangs is ended, and says where."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from ray_jobs.training import watchdog
from ray_jobs.training.watchdog import Watchdog
from tests.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watchdog, "time", made)
    return made


def test_a_worker_that_makes_progress_is_left_alone(clock: Clock):
    ended: list[bool] = []
    dog = Watchdog(0.1, lambda: ended.append(True))
    with dog.watching():
        for _ in range(10):
            clock.now += 0.09
            time.sleep(0.1)  # it looks
            dog.progress()
    assert not ended


def test_the_clock_starts_with_the_watch(clock: Clock):
    ended: list[bool] = []
    dog = Watchdog(0.1, lambda: ended.append(True))
    clock.now += 1
    with dog.watching():
        time.sleep(0.2)
    assert not ended


def test_all_workers_of_a_group_can_tell_before_the_first_of_them_ends_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(watchdog, "_LAST_WORDS_S", 2.0)
    told: list[int] = []
    dogs = [Watchdog(limit, lambda: told.append(len(caplog.records))) for limit in (0.1, 0.3)]
    with dogs[0].watching(), dogs[1].watching():
        limit = time.monotonic() + 60
        while len(told) < len(dogs) and time.monotonic() < limit:
            time.sleep(0.05)
    assert told == [2, 2]


_HANGS = """
import threading
from ray_jobs.entry import log_to_stdout
from ray_jobs.training.watchdog import Watchdog

log_to_stdout()

def hangs_in_a_collective():
    threading.Event().wait()

with Watchdog(0.2).watching():
    hangs_in_a_collective()
"""


def test_a_worker_that_hangs_ends_with_the_stacks_of_its_threads():
    done = subprocess.run(
        [sys.executable, "-c", _HANGS], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "no progress for 0 s; the stacks of all threads" in done.stdout
    assert "in hangs_in_a_collective" in done.stdout
