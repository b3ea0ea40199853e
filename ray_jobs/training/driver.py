"""The driver of a training: it orders workers from Ray Train and answers with their result.

No TensorFlow here: it would cost the driver seconds and memory for nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import NoReturn

from ray.exceptions import OutOfMemoryError, RayActorError
from ray.train import CheckpointConfig, FailureConfig, Result, RunConfig, ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import ClusterError, DataError, SpecError, disk_full
from ray_jobs.contract.run import Resources, RunSpec, check_batch
from ray_jobs.entry import quieten_tensorflow
from ray_jobs.training import memory
from ray_jobs.training.backend import TensorflowConfig, Trainer
from ray_jobs.training.failures import (
    Commits,
    is_of_losses,
    is_of_place,
    own_errors,
    store_failure,
)
from ray_jobs.training.filesystem import filesystem
from ray_jobs.training.order import Order, write_order

log = logging.getLogger(__name__)

# Workers that die are replaced so many times, counted anew from each checkpoint on, from which the
# training then goes on.
_FAILURES = 3
_CONTROLLERS = 4
# How often the controller looks at its workers, and takes one report of each: by itself every two
# seconds, where the epochs of a head take one.
_LOOK_EVERY_S = "0.25"
# Ray waits a minute for workers to find a place; then again, so many times.
_START_FAILURES = 4
# One that was refused stays among them: with two, the next would push out the good one before it,
# and a training whose newest was damaged then would begin anew.
CHECKPOINTS = CheckpointConfig(num_to_keep=3)


def train(bucket: str, spec: RunSpec, manifest: DatasetManifest) -> str:
    """Run the training on the cluster that this process is connected to.

    Under the same run a second call goes on from the last checkpoint of the first.

    Returns:
      The `work.Outcome` of the chief, as JSON.

    Raises:
      SpecError: more workers than shards, or than images a step.
      DataError: a split without images.
      ClusterError: the workers found no place, or died too often; or the object store was away.
    """
    check_shards(manifest, spec.resources)
    check_batch(spec.recipe.batch_size, spec.resources.workers_max)
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _LOOK_EVERY_S)
    trainer = Trainer(
        _work,
        train_loop_config=write_order(Order(bucket, spec, manifest)),
        backend_config=TensorflowConfig(),
        scaling_config=scaling_of(spec.resources),
        run_config=RunConfig(
            name="ray-train",
            storage_path=f"{bucket}/{keys.run(spec.run_id)}".rstrip("/"),
            storage_filesystem=filesystem(os.environ),
            worker_runtime_env={"env_vars": memory.ENVIRONMENT},
            checkpoint_config=CHECKPOINTS,
            callbacks=[Commits()],
            failure_config=FailureConfig(
                max_failures=_FAILURES, controller_failure_limit=_START_FAILURES
            ),
        ),
    )
    try:
        return str(_fit(trainer).return_value)
    except TrainingFailedError as error:
        _raise_ours(error, spec.resources)


def _fit(trainer: Trainer) -> Result:
    """Train to the end; a controller that was killed is replaced, and goes on."""
    for died in range(1, _CONTROLLERS + 1):
        try:
            return trainer.fit()
        except (RayActorError, OutOfMemoryError) as error:
            if isinstance(error, RayActorError) and error.actor_init_failed:
                raise _cannot_begin(error) from error
            log.warning("the controller of Ray Train died (%d): %s", died, error)
    raise ClusterError(
        f"the controller of Ray Train died {_CONTROLLERS} times",
        "one that lives as long as the training",
        "Look above for how it ended; the next try goes on from the last checkpoint",
    )


def _cannot_begin(error: RayActorError) -> ClusterError:
    """What a controller says that cannot read what the run has kept."""
    return ClusterError(
        f"the controller of Ray Train cannot take the run up again: {error}",
        "the store up, with every checkpoint that checkpoint_manager_snapshot.json names",
        "Look at the store; where a checkpoint is gone for good, remove ray-train/ of the run:"
        " it trains anew",
    )


def check_shards(manifest: DatasetManifest, resources: Resources) -> None:
    """Refuse a data set that cannot give every worker something to train on.

    Raises:
      SpecError: more workers than training shards.
      DataError: the training or the validation split is empty.
    """
    for split in (Split.TRAIN, Split.VAL):
        if not sum(shard.records for shard in manifest.shards.get(split, ())):
            raise DataError(
                f"split '{split}' of {manifest.dataset} {manifest.version} has no images",
                "images in every split",
                "Add images and ingest again",
            )
    shards = len(manifest.shards[Split.TRAIN])
    if resources.workers_max > shards:
        raise SpecError(
            f"{resources.workers_max} workers for {shards} training shards",
            "at least one shard a worker",
            f"Pass --workers {shards}",
        )


def scaling_of(resources: Resources) -> ScalingConfig:
    """Ray's words for the resources; a range is elastic."""
    fewest, most = resources.workers_min, resources.workers_max
    return ScalingConfig(
        # A group that is made larger or smaller starts anew from its last checkpoint: it must have
        # had the time for one.
        elastic_resize_monitor_interval_s=max(60.0, 2 * 60 * resources.checkpoint_minutes),
        num_workers=fewest if fewest == most else (fewest, most),
        use_gpu=resources.use_gpu,
        resources_per_worker={"CPU": 1, "GPU": 1} if resources.use_gpu else {"CPU": 1},
    )


def _work(config: Mapping[str, str]) -> str | None:
    quieten_tensorflow()
    # Imported by the worker: TensorFlow stays out of the driver and the controller.
    from ray_jobs.training.work import work

    return work(config)


def _raise_ours(error: TrainingFailedError, resources: Resources) -> NoReturn:
    """Raise a worker's own error of ours, or one of the cluster; anything else as it is."""
    if own := own_errors(error):
        raise own[0]
    if is_of_place(error):
        raise ClusterError(
            f"{resources.workers_min} workers found no place on the cluster",
            "as many free CPUs (or GPUs) as workers",
            "Wait until other jobs end, add nodes, or pass fewer --workers",
        ) from error
    if is_of_losses(error):
        raise ClusterError(
            f"processes of the training were lost {_FAILURES + 1} times with no checkpoint between",
            "workers that live until one is committed",
            "Look above for how they ended; the next try goes on from the last checkpoint",
        ) from error
    if failure := store_failure(error):
        raise disk_full(failure) or ClusterError(
            f"the object store failed the training: {failure}",
            "the store up, and room in it, while checkpoints are committed",
            "Look at the store; the next try goes on from the last checkpoint",
        ) from error
    raise error
