"""What a failed training failed of, and whether it is tried again."""

from __future__ import annotations

from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.train import Checkpoint, FailureConfig, UserCallback
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupFailedError,
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
    WorkerHealthCheckTimeoutError,
)
from ray.train.v2._internal.execution.context import TrainRunContext
from ray.train.v2._internal.execution.failure_handling import (
    DefaultFailurePolicy,
    FailureDecision,
)
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError, WorkerGroupError

from ray_jobs.contract.errors import SortlineError, SpecError

# What a controller fails with that could not place its workers.
_STARTUP_ERRORS = (WorkerGroupStartupFailedError, WorkerGroupStartupTimeoutError)
# What TensorFlow raises in a worker whose partner is gone; named, for it is not imported here.
_CUT_OFF = {"AbortedError", "CancelledError", "DeadlineExceededError", "UnavailableError"}


class ElsewhereError(SpecError):
    """What is wrong is another worker's: that one says more."""


class Commits(UserCallback):
    """Counts the checkpoints that are committed, in the controller's process.

    The count stands on the class, because Ray pickles this callback and the policy that reads the
    count one by one: they would not share an instance.
    """

    count = 0

    def after_report(
        self,
        run_context: TrainRunContext,
        metrics: list[dict[str, Any]],
        checkpoint: Checkpoint | None,
    ) -> None:
        """Every worker has reported; `checkpoint` is in the store."""
        if checkpoint is not None:
            Commits.count += 1


class FailurePolicy(DefaultFailurePolicy):
    """Ray's own, but for what may be tried again, and how often.

    What is wrong with the order or the data is not. A store or a part of the cluster that failed
    the controller is. Ray counts failures over the whole training: here a committed checkpoint
    begins a new count, for a training may be long and its nodes may not.
    """

    def __init__(self, failure_config: FailureConfig) -> None:
        super().__init__(failure_config)
        self._commits = 0

    def make_decision(self, training_failed_error: TrainingFailedError) -> FailureDecision:
        """Whether to go on, with new workers, from the last checkpoint."""
        if Commits.count > self._commits:
            self._worker_group_failures = self._controller_failures = 0
        self._commits = Commits.count
        return super().make_decision(training_failed_error)

    def _is_retryable_error(self, training_failed_error: TrainingFailedError) -> bool:
        if any(not error.retryable for error in own_errors(training_failed_error)):
            return False
        if isinstance(training_failed_error, ControllerError) and (
            store_failure(training_failed_error) or is_of_losses(training_failed_error)
        ):
            return True
        return super()._is_retryable_error(training_failed_error)


def own_errors(error: TrainingFailedError) -> list[SortlineError]:
    """What workers raised of ours, by rank.

    What is not to be tried again comes first, and of that what a worker says of itself.
    """
    own = [one for one in _failures(error) if isinstance(one, SortlineError)]
    return sorted(own, key=lambda one: (one.retryable, isinstance(one, ElsewhereError)))


def store_failure(error: TrainingFailedError) -> OSError | None:
    """What kept a worker or the controller from the object store, or the disk, if that is it."""
    return next((one for one in _failures(error) if isinstance(one, OSError)), None)


def is_of_losses(error: TrainingFailedError) -> bool:
    """Whether processes were lost; the others may say that they were cut off from them."""
    failures = _failures(error)
    are_cut_off = [type(one).__name__ in _CUT_OFF for one in failures]
    return any(map(_is_lost, failures)) or (bool(failures) and all(are_cut_off))


def is_of_place(error: TrainingFailedError) -> bool:
    """Whether the workers found no place on the cluster."""
    return any(isinstance(one, _STARTUP_ERRORS) for one in _failures(error))


def _failures(error: TrainingFailedError) -> list[Exception]:
    if isinstance(error, ControllerError):
        return [error.controller_failure]
    return list(error.worker_failures.values()) if isinstance(error, WorkerGroupError) else []


def _is_lost(error: Exception) -> bool:
    """Whether a process, or its node, is gone or does not answer."""
    if isinstance(error, WorkerHealthCheckFailedError):
        error = error.health_check_failure
    is_ours = isinstance(error, RayTaskError)  # raised by the code that Ray ran
    return isinstance(error, (RayError, WorkerHealthCheckTimeoutError)) and not is_ours
