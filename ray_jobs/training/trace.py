"""What a worker can be held to: which images it saw, which weights it had, when it began."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document
from ray_jobs.contract.errors import SortlineError
from ray_jobs.storage import Store

log = logging.getLogger(__name__)


class WorkerTrace(Document):
    """`runs/<run_id>/workers/<rank>.json`.

    `weights` is the digest of the trained variables after each epoch since `first_epoch`: the same
    on every rank. `samples` are the images of its first epoch: disjoint between ranks, and together
    the training split. `reached` tells when this process had imported TensorFlow, met the others
    (`joined`), had its networks and data (`prepared`), and had done its first two steps.
    """

    rank: int
    workers: int
    replicas: int
    first_epoch: int = 0
    weights: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    reached: dict[str, AwareDatetime] = Field(default_factory=dict[str, AwareDatetime])


class Trace:
    """Keeps the trace of one worker, written over with every epoch."""

    def __init__(self, store: Store, run_id: str, trace: WorkerTrace) -> None:
        self._store = store
        self._key = keys.run(run_id, f"workers/{trace.rank}.json")
        self._trace = trace
        self._seen: list[str] = []

    def reached(self, what: str) -> None:
        """It is there now; the first time counts."""
        if what not in self._trace.reached:
            reached = self._trace.reached | {what: datetime.now(UTC)}
            self._trace = self._trace.model_copy(update={"reached": reached})

    def saw(self, samples: Iterable[str]) -> None:
        """A step is done, with these images."""
        self.reached("second step" if "first step" in self._trace.reached else "first step")
        if not self._trace.first_epoch:
            self._seen += samples

    def epoch(self, epoch: int, weights: str) -> None:
        """An epoch has ended with these weights; it counts from 1.

        A failure to write is logged: it is a report only.
        """
        update: dict[str, object] = {"weights": (*self._trace.weights, weights)}
        if not self._trace.first_epoch:
            update |= {"first_epoch": epoch, "samples": tuple(sorted(self._seen))}
        self._trace = self._trace.model_copy(update=update)
        try:
            self._store.put(self._key, self._trace.to_json())
        except SortlineError as error:
            log.warning("the trace was not written: %s", error)
