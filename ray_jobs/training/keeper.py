"""Checkpoints of a run: written beside the training, taken up again where it died."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import ray.train
from ray.train import Checkpoint, CheckpointUploadMode, ReportedCheckpoint
from ray.train.collective import broadcast_from_rank_zero

from ray_jobs.contract.errors import ClusterError, UserError, disk_full
from ray_jobs.training import backend, checkpoint
from ray_jobs.training.checkpoint import Parts
from ray_jobs.training.notice import Notice
from ray_jobs.training.outcome import TrainingState
from ray_jobs.training.worker import Worker

log = logging.getLogger(__name__)

# So many checkpoints may wait to be written; then the training waits, and not the memory grows.
_WAITING = 2


class _Found(NamedTuple):
    place: int  # among those that were reported
    content: tuple[TrainingState, Parts]


class Keeper:
    """One worker's hand on the checkpoints; all ranks call it alike, the chief's speak for all."""

    def __init__(self, worker: Worker) -> None:
        self._is_chief = worker.is_chief
        self._identity = checkpoint.identity_of(worker.spec, worker.manifest.classes)
        self._every_s = 60 * worker.spec.resources.checkpoint_minutes
        self._kept_at = time.monotonic()
        self._notice = Notice()
        self._room = threading.BoundedSemaphore(_WAITING)

    def is_due(self) -> bool:
        """Whether this worker wants a checkpoint: by the chief's clock, or for a notice."""
        is_time = self._is_chief and time.monotonic() - self._kept_at >= self._every_s
        return self._notice.is_new() or is_time

    def restore(self) -> tuple[TrainingState, Parts] | None:
        """The newest good checkpoint, or None. One that is refused is named in the log.

        The chief chooses: ranks that went on from two checkpoints would wait for each other.
        """
        reported = ray.train.get_all_reported_checkpoints()
        found = self._newest_good(reported) if self._is_chief else None
        chosen = broadcast_from_rank_zero(found.place if found else None)
        if found is not None or chosen is None:
            return found and found.content
        return self._load(reported[chosen].checkpoint)

    def _newest_good(self, reported: Sequence[ReportedCheckpoint]) -> _Found | None:
        for place, one in reversed(list(enumerate(reported))):
            try:
                return _Found(place, self._load(one.checkpoint))
            # A store that is away says nothing of a checkpoint: that goes up as what it is.
            except (UserError, FileNotFoundError) as error:
                name = Path(one.checkpoint.path).name
                log.warning("checkpoint %s is refused, the one before it is tried: %s", name, error)
        return None

    def _load(self, found: Checkpoint) -> tuple[TrainingState, Parts]:
        # Not `as_directory`: all workers of a node share its folder, which goes with the first.
        with tempfile.TemporaryDirectory(prefix="checkpoint-") as folder:
            own = Path(folder) / Path(found.path).name
            return checkpoint.load(_download(found, own), self._identity)

    def keep(self, state: TrainingState, parts: Parts, first: Callable[[], None]) -> None:
        """Commit a state: a barrier, but no longer; a thread writes it, and publishes it whole.

        Where the store is slower than checkpoints come, it waits for room.

        Args:
          state: where the training stands; the metrics are those of its last epoch.
          parts: copies, for the training goes on meanwhile.
          first: what the thread calls before; where that raises, nothing is committed.
        """
        self._kept_at = time.monotonic()
        metrics = state.history[-1].model_dump() if state.history else {}
        if not self._is_chief:
            ray.train.report(metrics, checkpoint_upload_mode=CheckpointUploadMode.ASYNC)
            return

        # Given back once: Ray calls `write` again where S3 asks for it (2.60).
        room = ExitStack()
        room.callback(self._room.release)

        def write(local: Checkpoint, name: str) -> Checkpoint:
            with room:
                first()
                checkpoint.save(Path(local.path), state, parts, self._identity)
                return backend.persist(local, name)

        self._room.acquire()
        ray.train.report(
            metrics,
            Checkpoint.from_directory(tempfile.mkdtemp(prefix="checkpoint-")),
            checkpoint_upload_mode=CheckpointUploadMode.ASYNC,  # which removes the folder
            checkpoint_upload_fn=write,
        )


def _download(found: Checkpoint, folder: Path) -> Path:
    try:
        return Path(found.to_directory(folder))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise disk_full(error) or ClusterError(
            f"checkpoint {folder.name} cannot be read: {error}",
            "the object store up",
            "Look at the store; the next try goes on from this checkpoint",
        ) from error
