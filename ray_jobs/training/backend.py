"""Ray Train's part in a TensorFlow training: it tells each worker who the others are.

Ray's own `TensorflowTrainer` imports TensorFlow in the driver, the controller and every worker
before our function starts, about 18 s of 29 on two cores, and forces the frozen Keras 2. This
backend sets TF_CONFIG and nothing else. It stands on a v2 path of Ray, imported here alone: Ray
is pinned, `tests/e2e/test_training.py` holds the contract.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from dataclasses import dataclass
from typing import Any, cast

import ray
from ray.exceptions import RayActorError
from ray.train import Checkpoint, FailureConfig
from ray.train._internal.base_worker_group import BaseWorkerGroup
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupFailedError,
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2._internal.execution import context, storage
from ray.train.v2._internal.execution.failure_handling import (
    DefaultFailurePolicy,
    FailureDecision,
)
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError, WorkerGroupError
from ray.train.v2.api.result import Result

from ray_jobs.contract.errors import SortlineError

# What a controller fails with that could not place its workers.
STARTUP_ERRORS = (WorkerGroupStartupFailedError, WorkerGroupStartupTimeoutError)
_DEATHS = (RayActorError, WorkerHealthCheckFailedError)
# What TensorFlow raises in a worker whose partner is gone; named, for it is not imported here.
_CUT_OFF = {"AbortedError", "CancelledError", "DeadlineExceededError", "UnavailableError"}
# Failures further apart than this are not of one series.
_CALM_S = 3600.0


def quieten_reports() -> None:
    """Keep Ray from logging every report and checkpoint: our own line an epoch says more.

    Their loggers are named by file, not module (Ray 2.60), so that `LoggingConfig` misses them.
    """
    for module in (context, storage):
        module.logger.setLevel(logging.WARNING)


def persist(local: Checkpoint, name: str) -> Checkpoint:
    """Copy a checkpoint's folder to the run's place in the store, as Ray does by itself."""
    return context.get_train_context().storage_context.persist_current_checkpoint(local, name)


def is_drained() -> bool:
    """Whether a node of this training is to be taken away; every worker is told.

    `ray.train.get_preemption_info` says it too, but is a barrier: too dear for a step.
    """
    return context.get_train_context().preemption_context.preemption_info is not None


def _own_address() -> str:
    """This node's address and a port that is free on it."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return f"{ray.util.get_node_ip_address()}:{probe.getsockname()[1]}"


def _set_tf_config(workers: list[str], index: int) -> None:
    task = {"type": "worker", "index": index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})


class _TensorflowBackend(Backend):
    def on_start(self, worker_group: BaseWorkerGroup, backend_config: BackendConfig) -> None:
        workers = worker_group.execute(_own_address)
        told = [
            worker_group.execute_single_async(rank, _set_tf_config, workers, rank)
            for rank in range(len(worker_group))
        ]
        # Waits, so that an error comes out here. Ray's types know no list of references.
        cast("Any", ray).get(told)


@dataclass
class TensorflowConfig(BackendConfig):
    """Chooses the backend above."""

    @property
    def backend_cls(self) -> type[Backend]:
        """The class that Ray asks for."""
        return _TensorflowBackend


class FailurePolicy(DefaultFailurePolicy):
    """Ray's own, but for what may be tried again, and how often.

    What is wrong with the order or the data is not. A store that does not answer the controller,
    which writes there what is committed, is. Ray counts failures over the whole training: here an
    hour without one begins a new count, for a training may be long and its nodes may not.
    """

    def __init__(self, failure_config: FailureConfig) -> None:
        super().__init__(failure_config)
        self._failed_at = time.monotonic()

    def make_decision(self, training_failed_error: TrainingFailedError) -> FailureDecision:
        """Whether to go on, with new workers, from the last checkpoint."""
        now = time.monotonic()
        if now - self._failed_at > _CALM_S:
            self._worker_group_failures = self._controller_failures = 0
        self._failed_at = now
        return super().make_decision(training_failed_error)

    def _is_retryable_error(self, training_failed_error: TrainingFailedError) -> bool:
        if any(not error.retryable for error in own_errors(training_failed_error)):
            return False
        if store_failure(training_failed_error):
            return True
        return super()._is_retryable_error(training_failed_error)


class Trainer(DataParallelTrainer):
    """Trains by the policy above; Ray lets nobody choose one."""

    def _initialize_and_run_controller(self, **given: object) -> Result:
        config = self.run_config.failure_config
        given["failure_policy"] = FailurePolicy(config or FailureConfig())
        return super()._initialize_and_run_controller(**cast("dict[str, Any]", given))


def own_errors(error: TrainingFailedError) -> list[SortlineError]:
    """What workers raised of ours, by rank."""
    if not isinstance(error, WorkerGroupError):
        return []
    return [one for one in error.worker_failures.values() if isinstance(one, SortlineError)]


def store_failure(error: TrainingFailedError) -> OSError | None:
    """What kept the controller from what it has in the object store, if that is it."""
    failure = error.controller_failure if isinstance(error, ControllerError) else None
    return failure if isinstance(failure, OSError) else None


def is_of_deaths(error: TrainingFailedError) -> bool:
    """Whether workers were lost, or cut off from those that were, and nothing else."""
    if not isinstance(error, WorkerGroupError):
        return False
    failures = error.worker_failures.values()
    died = any(isinstance(one, _DEATHS) for one in failures)
    return died or all(type(one).__name__ in _CUT_OFF for one in failures)
