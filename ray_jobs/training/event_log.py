"""`runs/<run_id>/tensorboard/`: the same for TensorBoard, an event file an attempt."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import tensorflow as tf

from ray_jobs.contract import keys
from ray_jobs.contract.training import EpochMetrics
from ray_jobs.storage import Store
from ray_jobs.training.step_log import StepMetrics

Summary = tf.compat.v1.Summary


class EventLog:
    """Scalars a step and an epoch, on local disk, below `folder`; the file is put whole."""

    def __init__(self, store: Store, run_id: str, attempt: int, folder: Path) -> None:
        self._store, self._key = store, keys.events(run_id, attempt)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix="tensorboard-", dir=folder)) / "events"
        # Not `tf.summary`: 1 ms a step, where this takes 0.05.
        self._writer = tf.io.TFRecordWriter(str(self._path))
        self._writing = threading.Lock()
        self._write(_event(file_version="brain.Event:2"))
        self._writer.flush()
        self._stored_bytes = self._path.stat().st_size  # a file without a scalar is not worth a put

    def step(self, metrics: StepMetrics) -> None:
        """Add the scalars of a step."""
        scalars = {
            "train/loss": metrics.loss,
            "train/accuracy": metrics.accuracy,
            "learning_rate": metrics.learning_rate,
            "images_per_s": metrics.images_per_s,
        }
        self._scalars(metrics.step, scalars)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Add the scalars of an epoch, at its last step."""
        scalars = {
            "epoch/loss": metrics.loss,
            "epoch/accuracy": metrics.accuracy,
            "epoch/val_loss": metrics.val_loss,
            "epoch/val_accuracy": metrics.val_accuracy,
        }
        self._scalars(metrics.step, scalars)

    def put(self) -> None:
        """Put the whole file, if it has grown."""
        with self._writing:
            self._writer.flush()
            data = self._path.read_bytes()
        if len(data) == self._stored_bytes:
            return
        self._store.put(self._key, data)
        self._stored_bytes = len(data)

    def _scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(_event(step=step, summary=Summary(value=values)))

    def _write(self, event: bytes) -> None:
        with self._writing:
            self._writer.write(event)


def _event(**what: object) -> bytes:
    return cast("Any", tf.compat.v1).Event(wall_time=time.time(), **what).SerializeToString()
