"""What the stack listens on: looked at after a start, cleared away after an end."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.ports import DEFAULT_PORTS, claims
from infra.local.sweep import marked
from ray_jobs.contract.errors import ClusterError

Listener = tuple[str, int]

# How Ray titles the processes that train: `ray::RayTrainWorker`, then `.METHOD` while one runs.
# TensorFlow listens on every interface there, and cannot be told otherwise (ADR 0004).
_TRAIN_WORKER = "ray::RayTrainWorker"


def listeners(stack_id: str, part: Part | None = None) -> set[Listener]:
    """Address and port of every TCP socket that a process of the stack listens on."""
    return _listeners_of(marked(stack_id, part))


def _listeners_of(processes: Iterable[psutil.Process]) -> set[Listener]:
    found: set[Listener] = set()
    for process in processes:
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue
        found |= {
            (str(socket.laddr[0]), int(socket.laddr[1]))
            for socket in sockets
            if socket.status == psutil.CONN_LISTEN
        }
    return found


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _trains(process: psutil.Process) -> bool:
    try:
        return "".join(process.cmdline()[:1]).startswith(_TRAIN_WORKER)
    except psutil.Error:
        return False  # Gone: it listens no more.


def audit(plan: Plan) -> None:
    """Check that every socket is on loopback, and SeaweedFS's where they were meant to be.

    Workers of a running training are left out: ADR 0004 names them. SeaweedFS moves to another
    port without a word where one was taken in the last second.

    Raises:
      ClusterError: names the socket.
    """
    parts = [process for process in marked(plan.home.stack_id) if not _trains(process)]
    for address, port in sorted(_listeners_of(parts)):
        if not is_loopback(address):
            raise ClusterError(
                f"a part listens on {address}:{port}",
                "loopback alone",
                "Run `sortline down`; whoever reaches this machine reaches that port",
            )
    if not plan.is_external(Part.SEAWEEDFS):
        _audit_seaweedfs(plan)


def _audit_seaweedfs(plan: Plan) -> None:
    meant = _claimed(plan.state.ports, Part.SEAWEEDFS)
    found = {port for _, port in listeners(plan.home.stack_id, Part.SEAWEEDFS)}
    if found != meant:
        raise ClusterError(
            f"seaweedfs listens on {sorted(found - meant)} in place of {sorted(meant - found)}",
            "the ports that were chosen for it",
            "Something else took them just now: run `sortline down`, then `sortline up`",
        )


def _claimed(ports: Mapping[str, int], part: Part) -> set[int]:
    return {
        number
        for name in DEFAULT_PORTS[part]
        if name in ports
        for number in claims(name, ports[name])
    }


def remove_socket_files(ports: Mapping[str, int]) -> None:
    """Remove the unix sockets that SeaweedFS leaves: their names are fixed in its code."""
    for port in _claimed(ports, Part.SEAWEEDFS):
        for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
            if path.is_socket() and path.lstat().st_uid == os.getuid():
                path.unlink(missing_ok=True)
