"""Spans of a scripted clock, and their median and 99th percentile."""

from itertools import count

import pytest

from ray_jobs.training.export.latency import measure


class Requests:
    """Takes 1 s in each of the first ten requests, then 1 ms, 2 ms, 3 ms, ..."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.asked = count(-9)

    def ask(self) -> None:
        turn = next(self.asked)
        self.now_ns += turn * 10**6 if turn > 0 else 10**9

    def clock_ns(self) -> int:
        return self.now_ns


def test_the_first_requests_do_not_count():
    requests = Requests()
    found = measure(requests.ask, threads=2, requests=101, clock_ns=requests.clock_ns)
    assert (found.requests, found.threads) == (101, 2)
    assert found.median_ms == pytest.approx(51)
    assert found.p99_ms == pytest.approx(100)
