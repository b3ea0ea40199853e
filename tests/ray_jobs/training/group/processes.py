"""Workers of a training as processes of their own, as `MultiWorkerMirroredStrategy` has them.

Two replicas in one process share their thread: they cannot wait for each other for ever.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_ports

# Of a whole group, on a busy machine; then each worker says where it waits, and ends.
LIMIT_S = 400
_START_S = 60  # until it counts: it must have imported TensorFlow

Answers = dict[str, Any]


def answers_of(world: int, tasks: Sequence[str], folder: Path) -> list[Answers]:
    """What each worker of a group answered, by its rank and the task.

    A group of which one fails, or all wait, is killed and fails the test.

    Args:
      world: how many workers.
      tasks: of `worker`, which all workers take on in this order.
      folder: for their files.
    """
    codes = _codes_of(world, tasks, folder)
    if any(code != 0 for code in codes):
        logs = "\n".join(f"{rank}: {_log(folder, rank)[-3000:]}" for rank in range(world))
        pytest.fail(f"exit codes {codes}, where None still ran\n{logs}", pytrace=False)
    return [json.loads((folder / f"{rank}.json").read_bytes()) for rank in range(world)]


def logs_of_failed(world: int, tasks: Sequence[str], folder: Path) -> list[str]:
    """What each worker had logged when the first of them failed; then the group was killed."""
    codes = _codes_of(world, tasks, folder)
    assert any(codes), f"exit codes {codes}, where None still ran"
    return [_log(folder, rank) for rank in range(world)]


def _codes_of(world: int, tasks: Sequence[str], folder: Path) -> list[int | None]:
    """How each worker ended; None of one that had to be killed."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(world)]
    with ExitStack() as stack:
        workers = [_started(stack, hosts, rank, tasks, folder) for rank in range(world)]
        deadline = time.monotonic() + _START_S + LIMIT_S
        while any(worker.poll() is None for worker in workers):
            if any(worker.poll() for worker in workers) or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return [worker.poll() for worker in workers]


def _started(
    stack: ExitStack, hosts: list[str], rank: int, tasks: Sequence[str], folder: Path
) -> subprocess.Popen[bytes]:
    told = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": rank}}
    log = stack.enter_context((folder / f"{rank}.log").open("wb"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.ray_jobs.training.group.worker", str(folder), *tasks],
        stdout=log,
        stderr=log,
        env=os.environ | {"TF_CONFIG": json.dumps(told), "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    stack.callback(_end, worker)
    return worker


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Not by SIGTERM: TensorFlow catches it under this strategy."""
    worker.kill()
    worker.wait()


def _log(folder: Path, rank: int) -> str:
    return (folder / f"{rank}.log").read_text()
