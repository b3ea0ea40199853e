"""The distribution strategy, and what TensorFlow must be told before it starts.

One code path: a single worker is a cluster of one, a GPU is one replica a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import keras
import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from ray_jobs.contract.errors import SortlineError

# A worker that is silent for so long is given up by the others. TensorFlow's own 10 s end a
# training on a machine that is merely busy; one that is dead Ray Train finds at once.
_HEARTBEAT_S = 120
# So long a worker waits for the others to come; TensorFlow's own hour is as good as for ever.
_JOIN_S = 300
# A collective blocks a thread of the pool: one more must be left for the graph.
_LEAST_INTER_OP_THREADS = 2


def configure_devices(cpus: int, *, use_gpu: bool) -> None:
    """Bind TensorFlow to what this worker was given, and let GPU memory grow as needed.

    Must run before anything else of TensorFlow does.
    """
    tf.config.threading.set_intra_op_parallelism_threads(cpus)
    tf.config.threading.set_inter_op_parallelism_threads(max(cpus, _LEAST_INTER_OP_THREADS))
    if not use_gpu:
        # Ray leaves those of the node in sight of a worker that was given none (2.60), and each
        # would be a replica.
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, enable=True)


def set_precision(policy: str, *, use_gpu: bool) -> None:
    """Have networks that are built from now on compute as the recipe says, on GPUs.

    CPUs have no bfloat16 to speak of: there it is float32 always. Never float16: its loss scaling
    decides on each worker for itself whether a step is taken, and then waits for the others for
    ever.
    """
    keras.mixed_precision.set_global_policy(policy if use_gpu else "float32")


def make_strategy(*, use_gpu: bool) -> tf.distribute.Strategy:
    """One replica a worker of TF_CONFIG.

    The collectives are chosen, never AUTO: with AUTO, two runs on the same GPUs may take different
    paths (tensorflow/tensorflow#120987).

    Raises:
      SortlineError: a worker has more replicas than one.
    """
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    workers = cluster.cluster_spec().as_dict().get("worker", [])
    _coordinate(workers)
    kinds = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=kinds.NCCL if use_gpu else kinds.RING
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    check_replicas(strategy, workers=max(1, len(workers)))
    return strategy


def check_replicas(strategy: tf.distribute.Strategy, *, workers: int) -> None:
    """Refuse a worker with several devices: each would count the worker's images once more.

    Raises:
      SortlineError: there are more replicas than workers.
    """
    if strategy.num_replicas_in_sync != workers:
        raise SortlineError(
            f"TensorFlow has {strategy.num_replicas_in_sync} replicas for {workers} workers",
            "one replica a worker: no GPU in its sight, or one",
            "Look at CUDA_VISIBLE_DEVICES of the workers, and at what shares GPUs among them",
        )


def _coordinate(workers: Sequence[str]) -> None:
    """As the strategy itself would, but with more patience."""
    if not workers:
        return
    job = cast("Any", coordination_config_pb2).CoordinatedJob(name="worker", num_tasks=len(workers))
    cast("Any", context.context()).configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        coordinated_jobs=[job],
        cluster_register_timeout_in_ms=1000 * _JOIN_S,
        heartbeat_timeout_in_ms=1000 * _HEARTBEAT_S,
    )
