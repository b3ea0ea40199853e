"""What glibc keeps: counted in page faults, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.tf

# 40 MB, written and freed, time and again: faults of all rounds but the first.
ROUNDS = """
import resource
import numpy as np
from ray_jobs.training.memory import keep_freed_memory

{call}
np.ones(10_000_000, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(10_000_000, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    script = ROUNDS.format(call=call)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt belongs to glibc, on Linux")
def test_a_large_array_comes_from_memory_that_was_used_before():
    kept = faults("assert keep_freed_memory()")
    assert kept < 100
    assert faults("") > 5 * kept + 1000
