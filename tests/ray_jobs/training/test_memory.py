"""What glibc keeps and asks for: counted in page faults and areas, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.tf,
    pytest.mark.skipif(sys.platform != "linux", reason="mallopt belongs to glibc, on Linux"),
]

# 100 MB, written and freed, time and again: faults of all rounds but the first.
ROUNDS = """
import resource
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from ray_jobs.training.memory import keep_freed_memory

def write() -> None:
    np.ones(25_000_000, np.float32)

def rounds() -> int:
    write()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        write()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

"""
BATCHES = """
from ray_jobs.training.data.pipeline import shuffled_feature_examples, training_batches
from ray_jobs.training.data.share import Share

examples = shuffled_feature_examples(np.zeros((8, 4), np.float32), np.zeros(8, np.int64), seed=0)
list(training_batches(examples, 0, Share((), records=8, batch=4, steps=2)))
"""
# The memory areas that Linux was asked to use huge pages for (`VmFlags` in proc(5)). An array of
# numpy asks by itself.
HUGE = """
from pathlib import Path

held = bytearray(100_000_000)
flags = [line for line in Path("/proc/self/smaps").read_text().splitlines() if "VmFlags" in line]
print(sum("hg" in line.split() for line in flags))
"""
ON_REQUEST = Path("/sys/kernel/mm/transparent_hugepage/enabled")
KEEP = "assert keep_freed_memory()\n"
HERE, IN_A_THREAD = "print(rounds())", "print(ThreadPoolExecutor().submit(rounds).result())"


def printed(script: str, **environment: str) -> int:
    call = [sys.executable, "-c", ROUNDS + script]
    env = os.environ | environment
    return int(subprocess.run(call, check=True, capture_output=True, env=env).stdout)


def test_a_large_array_comes_from_memory_that_was_used_before():
    kept = printed(KEEP + HERE)
    assert kept < 100
    assert printed(HERE) > 5 * kept + 1000


def test_in_a_thread_it_takes_the_environment_too():
    from ray_jobs.training.memory import ENVIRONMENT

    assert printed(KEEP + IN_A_THREAD, **ENVIRONMENT) < 100
    assert printed(KEEP + IN_A_THREAD) > 1000


def test_reading_batches_does_not_undo_it():
    assert printed(KEEP + BATCHES + HERE) < 100


@pytest.mark.skipif(
    not ON_REQUEST.exists() or "[madvise]" not in ON_REQUEST.read_text(),
    reason="here Linux gives huge pages to all, or to nobody",
)
def test_huge_pages_are_asked_for():
    from ray_jobs.training.memory import ENVIRONMENT

    assert printed(KEEP + HUGE, **ENVIRONMENT) > 0
    assert printed(KEEP + HUGE) == 0
