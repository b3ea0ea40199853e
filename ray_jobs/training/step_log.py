"""`runs/<run_id>/steps.csv`: a row a training step, of all attempts. No TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.storage import Store


class StepMetrics(NamedTuple):
    """One step, as measured at its end, over all workers.

    `step` and `epoch` count from 1 over the whole training, `images` are all trained on so far;
    loss and accuracy are means over the images of this step alone.
    """

    step: int
    epoch: int
    images: int
    learning_rate: float
    loss: float
    accuracy: float
    images_per_s: float


HEADER = ",".join((*StepMetrics._fields, "seconds", "attempt"))


class StepLog:
    """The rows of a training, below those that the store holds already.

    A resumed training is another `attempt` (1, 2, ...). What it trains anew, from the last
    checkpoint on, stands there twice. `seconds` are those of all attempts, without the time
    between them.

    Raises:
      ClusterError: the store does not tell what it holds.
    """

    def __init__(
        self, store: Store, run_id: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._key, self._clock = store, keys.steps(run_id), clock
        found = store.get_tagged(self._key)
        self._lines = found.data.decode().splitlines() if found else [HEADER]
        self._stored = len(self._lines)
        seconds, attempt = _end_of(self._lines)
        self.attempt = attempt + 1
        self._began = clock() - seconds

    def step(self, metrics: StepMetrics) -> None:
        """Add a row. Rate, loss and accuracy keep every digit, so that traces can be compared."""
        seconds = round(self._clock() - self._began, 3)
        metrics = metrics._replace(images_per_s=round(metrics.images_per_s, 3))
        self._lines.append(",".join(map(str, (*metrics, seconds, self.attempt))))

    def epoch(self, metrics: EpochMetrics) -> None:
        """Add nothing: an epoch has no row."""

    def put(self) -> None:
        """Put the whole file, if it has rows that the store does not hold."""
        lines = self._lines.copy()  # a step may add to it at any time
        if len(lines) == self._stored:
            return
        self._store.put(self._key, "".join(f"{line}\n" for line in lines).encode())
        self._stored = len(lines)


def _end_of(lines: list[str]) -> tuple[float, int]:
    """Seconds and attempt of the last row; zeros where there is none."""
    if lines == [HEADER]:
        return 0.0, 0
    *_, seconds, attempt = lines[-1].split(",")
    return float(seconds), int(attempt)
