"""What a training writes down as it goes, for good: `progress.py` tells where it stands now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ray_jobs.contract.errors import SortlineError
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.storage import Store
from ray_jobs.training.background import every
from ray_jobs.training.step_log import StepLog, StepMetrics

log = logging.getLogger(__name__)

INTERVAL_S = 30.0


class Log(Protocol):
    """One file of a journal. It only grows, and is put to the store whole."""

    def step(self, metrics: StepMetrics) -> None:
        """Add a step."""
        ...

    def epoch(self, metrics: EpochMetrics) -> None:
        """Add an epoch."""
        ...

    def put(self) -> None:
        """Put the file, if the store does not hold all of it. Raises SortlineError."""
        ...


class Journal:
    """Collects steps and epochs in its logs, and puts them to the store now and then.

    The chief alone has logs; the journal of another rank takes the same calls and writes nothing:

        journal = open_journal(store, run_id, worker.folder) if worker.is_chief else Journal()
        with journal.publishing():
            for ...:
                journal.step(StepMetrics(...))  # never waits for the store
                journal.epoch(metrics)          # after the last step of an epoch
                keeper.keep(..., first=journal.put)

    A row is lost only with the process, and only one since the last `put`. One comes before each
    checkpoint, which is not committed without it: a resumed training does not train those steps
    again.
    """

    def __init__(self, *logs: Log) -> None:
        self._logs = logs
        self._putting = threading.Lock()

    def step(self, metrics: StepMetrics) -> None:
        """Write down a step."""
        for one in self._logs:
            one.step(metrics)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Write down an epoch."""
        for one in self._logs:
            one.epoch(metrics)

    def publish(self) -> None:
        """Put what is new. A failure is logged: the next put holds it too."""
        try:
            self.put()
        except SortlineError as error:
            log.warning("the journal was not written: %s", error)

    def put(self) -> None:
        """Put what is new.

        Raises:
          SortlineError: the store does not take it.
        """
        with self._putting:  # or an older file could come last
            for one in self._logs:
                one.put()

    @contextmanager
    def publishing(self) -> Generator[None]:
        """Publish every `INTERVAL_S` while the block runs, and put the rest at its good end."""
        try:
            with every(INTERVAL_S, self.publish, name="journal"):
                yield
        except BaseException:
            self.publish()
            raise
        self.put()


def open_journal(store: Store, run_id: str, folder: Path) -> Journal:
    """The chief's: below what earlier attempts wrote; `folder` is the worker's, on its disk.

    Raises:
      ClusterError: the store does not tell what they wrote.
    """
    from ray_jobs.training.event_log import EventLog  # TensorFlow

    steps = StepLog(store, run_id)
    # The steps are put first: by their last row the next attempt knows its number, and file.
    return Journal(steps, EventLog(store, run_id, steps.attempt, folder))
