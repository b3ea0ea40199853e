"""The sweep finds what carries the mark, wherever it went, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from infra.local.sweep import marked, sweep

# A daemon of the kind that Ray starts: its own session, its parent gone, deaf to SIGTERM.
ORPHAN = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
parent = os.getpid()
if os.fork(): os._exit(0)
while os.getppid() == parent: time.sleep(0.01)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
SLEEPER = "import time; print(1, flush=True); time.sleep(60)"


@pytest.fixture
def stack_id() -> Iterator[str]:
    made = f"test-{os.getpid()}-{time.monotonic_ns()}"
    yield made
    assert sweep(made, grace_s=0.1) == []


def start(code: str, stack_id: str, part: str) -> tuple[subprocess.Popen[str], int]:
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "SORTLINE_STACK": stack_id, "SORTLINE_PART": part},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout as said:
        return child, int(said.readline())


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits for its parent to look does not."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_orphan_in_a_session_of_its_own_that_ignores_sigterm_is_ended(stack_id: str):
    child, orphan = start(ORPHAN, stack_id, "ray")
    child.wait()
    assert [process.pid for process in marked(stack_id)] == [orphan]

    assert sweep(stack_id, grace_s=0.2) == []

    assert not alive(orphan)


def test_a_sweep_of_one_part_leaves_the_others(stack_id: str):
    ray, _ = start(SLEEPER, stack_id, "ray")
    mlflow, _ = start(SLEEPER, stack_id, "mlflow")

    sweep(stack_id, "ray", grace_s=2)

    assert (alive(ray.pid), alive(mlflow.pid)) == (False, True)
    sweep(stack_id, grace_s=2)
    ray.wait()
    mlflow.wait()


def test_another_home_is_left_alone(stack_id: str):
    other, _ = start(SLEEPER, f"{stack_id}-other", "ray")

    sweep(stack_id, grace_s=0.1)

    assert other.poll() is None
    other.kill()
    other.wait()


def test_who_sweeps_is_spared_even_where_it_carries_the_mark(
    stack_id: str, monkeypatch: pytest.MonkeyPatch
):
    code = "from infra.local.sweep import sweep; import os; sweep(os.environ['SORTLINE_STACK'])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('alive')"],
        env={**os.environ, "SORTLINE_STACK": stack_id, "SORTLINE_PART": "x"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "alive", done.stderr
