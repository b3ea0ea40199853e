"""How long a model takes for one image."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ray_jobs.contract.export import Latency

REQUESTS = 100
_WARM_UP = 10


def measure(
    ask: Callable[[], object],
    *,
    threads: int,
    requests: int = REQUESTS,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> Latency:
    """Ask again and again, one request after the other; the first ten do not count.

    Args:
      ask: one request with one image, until its answer is there.
      threads: that it may use.
      requests: that count.
      clock_ns: nanoseconds, never going back.
    """
    for _ in range(_WARM_UP):
        ask()
    spans_ms = [_span_ns(ask, clock_ns) / 1e6 for _ in range(requests)]
    median, p99 = np.percentile(spans_ms, [50, 99])
    return Latency(requests=requests, threads=threads, median_ms=float(median), p99_ms=float(p99))


def _span_ns(ask: Callable[[], object], clock_ns: Callable[[], int]) -> int:
    started = clock_ns()
    ask()
    return clock_ns() - started
