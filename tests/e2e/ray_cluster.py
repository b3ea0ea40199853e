"""A Ray cluster of several nodes on this machine, apart from the stack's, to be hurt at will.

Every port is free, asks for the cluster's token, and is on loopback alone; but TensorFlow's, which
listens on all interfaces while several workers train (ADR 0004).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from infra.local.environment import base_environment
from infra.local.ports import LOOPBACK
from infra.local.sweep import kill_now
from tests.e2e.processes import answers, command_line
from tests.e2e.ray_node import READY_FILE
from tests.e2e.waiting import until

ROOT = Path(__file__).parents[2]
_UP_LIMIT_S = 180
_DOWN_LIMIT_S = 5
_OBJECT_STORE_BYTES = 150 * 2**20


@dataclass
class RayNode:
    """A node's first process, and what it is asked by."""

    process: subprocess.Popen[bytes]
    folder: Path

    def is_up(self) -> bool:
        """Whether it has come up. Fails where it has died."""
        assert self.process.poll() is None, (self.folder / "node.log").read_text()[-2000:]
        return (self.folder / READY_FILE).exists()

    def raylet(self) -> psutil.Process:
        """The process that makes it a node; the others end with it."""
        names = answers(processes_below(self.folder), psutil.Process.name)
        (raylet,) = [process for process, name in names if name == "raylet"]
        return raylet

    def kill(self) -> None:
        """Kill -9 of all that runs on it, as when the machine is gone."""
        kill_now(processes_below(self.folder))
        self.process.wait()


def processes_below(folder: Path) -> list[psutil.Process]:
    """Every live process that works in a folder or below it.

    Ray's agents write their title over their environment, and outlive a raylet that was killed:
    neither marks nor ancestry would find them.
    """
    found = answers(psutil.process_iter(), psutil.Process.cwd)
    return [process for process, works_in in found if f"{works_in}/".startswith(f"{folder}/")]


@dataclass
class RayCluster:
    """A head, to which nodes are added; `environment` is that of its processes and drivers."""

    folder: Path
    environment: dict[str, str]
    nodes: list[RayNode] = field(default_factory=list)

    def add_node(self, cpus: int = 1) -> RayNode:
        """Start one more, and wait until it is up; the first is the head."""
        folder = self.folder / f"n{len(self.nodes)}"
        folder.mkdir()
        given = _parameters(folder, cpus)
        if self.nodes:
            given["gcs_address"] = self.environment["RAY_ADDRESS"]
        else:
            given["gcs_server_port"] = int(self.environment["RAY_ADDRESS"].rpartition(":")[2])
        with (folder / "node.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.e2e.ray_node", json.dumps(given)]
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment, cwd=folder
            )
        self.nodes.append(RayNode(process, folder))
        until("a Ray node", self.nodes[-1].is_up, limit_s=_UP_LIMIT_S)
        return self.nodes[-1]

    def grow_to(self, count: int) -> None:
        """Add nodes until so many are alive; the head must be."""
        while sum(node.process.poll() is None for node in self.nodes) < count:
            self.add_node()

    def shrink_to_head(self) -> None:
        """Kill every other node."""
        for node in self.nodes[1:]:
            if node.process.poll() is None:
                node.kill()

    def titled(self, title: str) -> list[psutil.Process]:
        """Its live processes of a Ray title: `RayTrainWorker`, `TrainController`."""
        found = answers(processes_below(self.folder), command_line)
        return [process for process, line in found if line.startswith(f"ray::{title}")]


def _parameters(folder: Path, cpus: int) -> dict[str, object]:
    return {
        "node_ip_address": LOOPBACK,
        "dashboard_host": LOOPBACK,
        "dashboard_port": 0,
        "dashboard_agent_listen_port": 0,
        "min_worker_port": 0,
        "max_worker_port": 0,
        "temp_dir": str(folder),
        "num_cpus": cpus,
        "object_store_memory": _OBJECT_STORE_BYTES,
    }


@contextmanager
def ray_cluster(variables: Mapping[str, str]) -> Generator[RayCluster]:
    """A head with one CPU; all that was started, drivers too, is ended when the block does.

    Args:
      variables: added to the environment of every process.
    """
    # Short: a node's sockets lie below, and a socket's path has an end at 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cluster = RayCluster(folder, _environment(folder) | dict(variables))
        try:
            cluster.add_node()
            yield cluster
        finally:
            for node in cluster.nodes:
                node.process.terminate()
            psutil.wait_procs(processes_below(folder), timeout=_DOWN_LIMIT_S)
            kill_now(processes_below(folder))
            for node in cluster.nodes:
                node.process.wait()


def _environment(folder: Path) -> dict[str, str]:
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]
    return base_environment(os.environ) | {
        # The code of this working copy, whatever is installed.
        "PYTHONPATH": str(ROOT),
        # Without it an actor that asks for the state of another takes any cluster it finds here,
        # or fails where there are two (Ray Train's cleaner of placement groups does).
        "RAY_ADDRESS": f"{LOOPBACK}:{port}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
