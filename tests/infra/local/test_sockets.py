"""The look at the stack's sockets: loopback alone, but for what cannot be bound to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.home import Home
from infra.local.plan import Plan
from infra.local.sockets import audit
from infra.local.state import StackState
from infra.local.sweep import sweep
from ray_jobs.contract.errors import ClusterError

LISTENER = """
import socket, time
with socket.create_server(("0.0.0.0", 0)):
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(Home(tmp_path), StackState(external={"SORTLINE_S3_ENDPOINT": "http://s3"}))


@pytest.fixture
def listen(plan: Plan) -> Iterator[Callable[[str], None]]:
    """Start a process of the stack, of a given title, that listens on every interface."""

    def start(title: str) -> None:
        child = subprocess.Popen(
            [title, "-c", LISTENER],
            executable=sys.executable,
            env={"SORTLINE_STACK": plan.home.stack_id, "SORTLINE_PART": "ray"},
            stdout=subprocess.PIPE,
        )
        children.append(child)
        assert child.stdout is not None
        with child.stdout as said:
            assert said.readline() == b"\n"

    children: list[subprocess.Popen[bytes]] = []
    yield start
    sweep(plan.home.stack_id, grace_s=2)
    for child in children:
        child.wait()


@pytest.mark.parametrize("title", ["ray::RayTrainWorker", "ray::RayTrainWorker.poll_status"])
def test_a_training_that_runs_does_not_make_the_stack_unsafe(
    plan: Plan, listen: Callable[[str], None], title: str
):
    listen(title)

    audit(plan)


@pytest.mark.parametrize("title", ["raylet", "ray::IDLE", "ray::TrainController"])
def test_any_other_process_that_listens_on_every_interface_is_told(
    plan: Plan, listen: Callable[[str], None], title: str
):
    listen(title)

    with pytest.raises(ClusterError, match=r"listens on 0\.0\.0\.0:.*expected loopback alone"):
        audit(plan)
