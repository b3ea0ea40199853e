"""`runs/<run_id>/tensorboard/`: the same for TensorBoard, an event file an attempt."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from ray_jobs.contract import keys
from ray_jobs.contract.run import EpochMetrics
from ray_jobs.storage import Store
from ray_jobs.training.step_log import StepMetrics

Summary = tf.compat.v1.Summary


class EventLog:
    """Scalars a step and an epoch, on local disk, below `folder`; the file is put whole."""

    def __init__(self, store: Store, run_id: str, attempt: int, folder: Path) -> None:
        self._store, self._key = store, keys.events(run_id, attempt)
        folder.mkdir(parents=True, exist_ok=True)
        own = tempfile.mkdtemp(prefix="tensorboard-", dir=folder)
        self._writer = tf.summary.create_file_writer(own)
        (self._path,) = Path(own).iterdir()
        self._writing = threading.Lock()
        self._stored_bytes = self._path.stat().st_size

    def step(self, metrics: StepMetrics) -> None:
        """Add the scalars of a step."""
        scalars = {
            "train/loss": metrics.loss,
            "train/accuracy": metrics.accuracy,
            "learning_rate": metrics.learning_rate,
            "images_per_s": metrics.images_per_s,
        }
        self._write(metrics.step, scalars)

    def epoch(self, metrics: EpochMetrics) -> None:
        """Add the scalars of an epoch, at its last step."""
        scalars = {
            "epoch/loss": metrics.loss,
            "epoch/accuracy": metrics.accuracy,
            "epoch/val_loss": metrics.val_loss,
            "epoch/val_accuracy": metrics.val_accuracy,
        }
        self._write(metrics.step, scalars)

    def put(self) -> None:
        """Put the whole file, if it has grown."""
        with self._writing:
            data = self._path.read_bytes()
        if len(data) == self._stored_bytes:
            return
        self._store.put(self._key, data)
        self._stored_bytes = len(data)

    def _write(self, step: int, scalars: Mapping[str, float]) -> None:
        # Not `tf.summary.scalar`: that is TensorBoard's own, which a training need not install.
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        summary = Summary(value=values).SerializeToString()
        with self._writing, self._writer.as_default():  # its end flushes: the file is whole
            tf.summary.experimental.write_raw_pb(summary, step=step)
