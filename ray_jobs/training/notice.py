"""Notice that a worker is about to be taken away."""

from __future__ import annotations

import logging
import threading
from typing import Any, cast

import tensorflow as tf
from tensorflow.python.eager import context

from ray_jobs.training.backend import drained_nodes

log = logging.getLogger(__name__)

# TensorFlow catches SIGTERM under a multi-worker strategy, and tells every worker by this key
# (`tensorflow/core/distributed_runtime/preemption`, TensorFlow 2.21).
_KEY = "TF_DEFAULT_PREEMPTION_NOTICE_KEY"


class Notice:
    """Knows whether a worker got SIGTERM, or its node is drained by Ray; asked at every step."""

    def __init__(self) -> None:
        self._signalled = threading.Event()
        self._known: frozenset[str] = frozenset()
        threading.Thread(target=self._wait, name="notice", daemon=True).start()

    def is_new(self) -> bool:
        """Whether there is one that was not there when this was asked before.

        A node that is drained may get SIGTERM at its deadline, or another be drained: each is one.
        """
        given = drained_nodes()
        if self._signalled.is_set():
            given |= {"SIGTERM"}
        is_new = not given <= self._known
        self._known |= given
        return is_new

    def _wait(self) -> None:
        try:
            who = cast("Any", context.context()).get_config_key_value(_KEY)
        except tf.errors.OpError as error:  # the cluster is gone, and with it the question
            log.debug("no more notices: %s", error)
            return
        log.warning("%s got SIGTERM: a checkpoint is written now", who)
        self._signalled.set()
