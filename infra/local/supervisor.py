"""supervisord: resident, keeps the parts alive, takes orders through a private unix socket."""

from __future__ import annotations

import http.client
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from supervisor.xmlrpc import SupervisorTransport

from infra.local.environment import marked_environment
from infra.local.home import PRIVATE_UMASK, Home, write_private
from infra.local.launch import module
from infra.local.parts import Part
from infra.local.supervisor_conf import NAME, render
from ray_jobs.contract.errors import ClusterError


class ProcessState(NamedTuple):
    """What supervisord says of a part: its state (`RUNNING`, ...) and its start, in Unix time."""

    state: str
    started_at: int


class Supervisor:
    """The supervisord of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def start(self, parts: Iterable[Part], user: Mapping[str, str]) -> None:
        """Start supervisord, with every part known and none started."""
        configuration = self._home.run / "supervisord.conf"
        write_private(configuration, render(self._home, parts))
        done = subprocess.run(
            module("supervisor.supervisord", "-c", str(configuration)),
            env=marked_environment(self._home, NAME, user),
            cwd=self._home.run,
            umask=PRIVATE_UMASK,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(
                f"supervisord did not start: {(done.stderr or done.stdout).strip()[-300:]}",
                "a supervisor that keeps the parts alive",
                f"Look at {self._home.log_of(NAME)}",
            )

    def processes(self) -> dict[str, ProcessState]:
        """Every known part by name; empty where no supervisord answers."""
        try:
            found = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        except (OSError, http.client.HTTPException):
            return {}
        return {info["name"]: ProcessState(info["statename"], info["start"]) for info in found}

    def is_up(self) -> bool:
        """Whether supervisord answers."""
        return bool(self.processes())

    def start_part(self, part: Part) -> None:
        """Start a part, and return at once."""
        try:
            self._call("startProcess", part.value, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise

    def stop_part(self, part: Part) -> None:
        """Stop a part, and return when it has ended."""
        try:
            self._call("stopProcess", part.value, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def stop(self, *, timeout_s: float) -> None:
        """Stop every part at once, then supervisord; return when it has gone, or at the limit."""
        try:
            self._call("stopAllProcesses", False)
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline and self._any_alive():
                time.sleep(0.1)
            self._call("shutdown")
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            return  # Not there, or going: the sweep ends what is left.

    def _any_alive(self) -> bool:
        states = {process.state for process in self.processes().values()}
        return bool(states & {"STARTING", "RUNNING", "STOPPING", "BACKOFF"})

    def _call(self, method: str, *arguments: object) -> object:
        transport = SupervisorTransport(serverurl=f"unix://{self._home.supervisor_socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
