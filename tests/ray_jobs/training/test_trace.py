"""A trace is a report: a store that is away costs it, and no epoch."""

from __future__ import annotations

import logging

import pytest

from ray_jobs.contract.errors import ClusterError
from ray_jobs.training.trace import Trace, WorkerTrace
from tests.fakes import InMemoryStore


class Away(InMemoryStore):
    """A store that takes nothing."""

    def put(self, key: str, data: bytes) -> None:
        raise ClusterError("the object store does not answer", "it up", "Look at it")


def test_a_trace_that_cannot_be_written_is_told_and_goes_on(caplog: pytest.LogCaptureFixture):
    trace = Trace(Away(), "run", WorkerTrace(rank=0, workers=1, replicas=1))
    with caplog.at_level(logging.WARNING):
        trace.epoch(1, "weights")
        trace.epoch(2, "weights")
    assert caplog.text.count("the trace was not written: the object store does not answer") == 2
