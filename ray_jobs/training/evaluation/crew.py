"""Who works on the parts of an evaluation: tasks all over the cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast

import ray
from ray.exceptions import RayError, RayTaskError

from ray_jobs.contract.errors import ClusterError
from ray_jobs.entry import log_to_stdout, quieten_tensorflow
from ray_jobs.storage import Store, connect

Order = TypeVar("Order")
Result = TypeVar("Result")

# A task that dies with its node is given to another; its parts are pure, so that it may.
_LOSSES = 3


class Crew(Protocol):
    """Works on orders, each with a store at hand."""

    def each(self, work: Callable[[Store, Order], Result], orders: Sequence[Order]) -> list[Result]:
        """The results, in the order of the orders."""
        ...


class Cluster:
    """A crew of Ray tasks, a CPU each, on the cluster that this process is a job of."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        ray.init(ignore_reinit_error=True)

    def each(self, work: Callable[[Store, Order], Result], orders: Sequence[Order]) -> list[Result]:
        """The results of a task an order.

        Raises:
          SortlineError: what a task raised.
          ClusterError: a task was lost too often.
        """
        # Ray types remote functions by a number of arguments each.
        task = cast("Any", ray).remote(num_cpus=1, max_retries=_LOSSES)(_work)
        try:
            return ray.get([task.remote(self._bucket, work, order) for order in orders])
        except RayTaskError as error:
            raise cast("Exception", error.cause) from error
        except RayError as error:
            raise ClusterError(
                f"a task of the evaluation was lost {_LOSSES + 1} times: {error}",
                "nodes that live as long as a task, with the memory that it needs",
                "Look above for how it ended, then run again",
            ) from error


def _work(bucket: str, work: Callable[[Store, Order], Result], order: Order) -> Result:
    log_to_stdout()
    quieten_tensorflow()
    # TensorFlow would start a thread for every CPU of the node, for every task on it.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    return work(connect(bucket), order)
