"""Where a training stands, for whoever watches: overwritten in the store about once a second."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from ray_jobs.contract import keys
from ray_jobs.contract.errors import SortlineError
from ray_jobs.contract.run import Progress
from ray_jobs.storage import Store
from ray_jobs.training.background import every

log = logging.getLogger(__name__)

INTERVAL_S = 1.0


class ProgressBoard:
    """Holds the newest progress; a thread of its own publishes it, so that no step waits."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._newest: Progress | None = None
        self._published: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Replace what is published next."""
        self._newest = progress

    def publish(self) -> None:
        """Write the newest, if it was not written yet. A failure is logged: it is a report only."""
        newest = self._newest
        if newest is None or newest is self._published:
            return
        try:
            self._store.put(keys.run(self._run_id, "progress.json"), newest.to_json())
            self._published = newest
        except SortlineError as error:
            log.warning("progress was not written: %s", error)

    @contextmanager
    def publishing(self) -> Generator[None]:
        """Publish until the block ends, and once more then."""
        try:
            with every(INTERVAL_S, self.publish, name="progress"):
                yield
        finally:
            self.publish()
