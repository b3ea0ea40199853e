"""Ray Train's part in a TensorFlow training: it tells each worker who the others are.

Ray's own `TensorflowTrainer` imports TensorFlow in the driver, the controller and every worker
before our function starts, about 18 s of 29 on two cores, and forces the frozen Keras 2. This
backend sets TF_CONFIG and nothing else. It stands on v2 paths of Ray, imported here and in
`failures` alone: Ray is pinned, `tests/e2e/test_training.py` holds the contract.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from dataclasses import dataclass
from typing import Any, cast

import ray
from ray.train import Checkpoint, FailureConfig
from ray.train._internal.base_worker_group import BaseWorkerGroup
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.execution import context, storage
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.v2.api.result import Result

from ray_jobs.training.failures import FailurePolicy


def quieten_reports() -> None:
    """Keep Ray from logging every report and checkpoint: our own line an epoch says more.

    Their loggers are named by file, not module (Ray 2.60), so that `LoggingConfig` misses them.
    """
    for module in (context, storage):
        module.logger.setLevel(logging.WARNING)


def persist(local: Checkpoint, name: str) -> Checkpoint:
    """Copy a checkpoint's folder to the run's place in the store, as Ray does by itself."""
    return context.get_train_context().storage_context.persist_current_checkpoint(local, name)


def drained_nodes() -> frozenset[str]:
    """The ids of those nodes of this training that are to be taken away; every worker is told.

    `ray.train.get_preemption_info` says it too, but is a barrier: too dear for a step.
    """
    info = context.get_train_context().preemption_context.preemption_info
    return frozenset(info.preempted_node_ids if info else ())


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


class Trainer(DataParallelTrainer):
    """Trains by our `FailurePolicy`; Ray lets nobody choose one."""

    def _initialize_and_run_controller(self, **given: object) -> Result:
        config = self.run_config.failure_config
        given["failure_policy"] = FailurePolicy(config or FailureConfig())
        return super()._initialize_and_run_controller(**cast("dict[str, Any]", given))
