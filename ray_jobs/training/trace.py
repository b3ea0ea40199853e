"""What a worker can be held to: which images it saw, and which weights it had."""

from __future__ import annotations

from collections.abc import Iterable

from ray_jobs.contract import keys
from ray_jobs.contract.document import Document
from ray_jobs.storage import Store


class WorkerTrace(Document):
    """`runs/<run_id>/workers/<rank>.json`.

    `weights` is the digest of the trained variables after each epoch since `first_epoch`: the same
    on every rank. `samples` are the images of its first epoch: disjoint between ranks, and together
    the training split.
    """

    rank: int
    workers: int
    replicas: int
    first_epoch: int = 0
    weights: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


class Trace:
    """Keeps the trace of one worker, written over with every epoch."""

    def __init__(self, store: Store, run_id: str, trace: WorkerTrace) -> None:
        self._store = store
        self._key = keys.run(run_id, f"workers/{trace.rank}.json")
        self._trace = trace
        self._seen: list[str] = []

    def saw(self, samples: Iterable[str]) -> None:
        """The images of a step."""
        if not self._trace.first_epoch:
            self._seen += samples

    def epoch(self, epoch: int, weights: str) -> None:
        """An epoch has ended with these weights; it counts from 1."""
        update: dict[str, object] = {"weights": (*self._trace.weights, weights)}
        if not self._trace.first_epoch:
            update |= {"first_epoch": epoch, "samples": tuple(sorted(self._seen))}
        self._trace = self._trace.model_copy(update=update)
        self._store.put(self._key, self._trace.to_json())
