"""Which ports the stack listens on: the usual ones, or free ones where those are taken."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ray_jobs.contract.errors import ClusterError

LOOPBACK = "127.0.0.1"
# weed dials its admin part at this distance from the HTTP port; it cannot be set apart.
ADMIN_GRPC_OFFSET = 10_000

# Below 32768, where Linux starts to hand out ports of its own. What people and other tools dial
# has its usual number; what only the part itself dials lies close to it.
DEFAULT_PORTS: dict[str, dict[str, int]] = {
    "seaweedfs": {
        "s3": 8333,
        "s3_grpc": 18333,
        "filer": 8888,
        "filer_grpc": 18888,
        "master": 9333,
        "master_grpc": 19333,
        "volume": 9340,
        "volume_grpc": 19340,
        "admin": 13646,
    },
    "ray": {
        "dashboard": 8265,
        "gcs": 6379,
        "client": 10001,
        "node_manager": 6380,
        "object_manager": 6381,
        "agent_http": 6382,
        "agent_grpc": 6383,
        "runtime_env_agent": 6384,
        "metrics": 6385,
        "autoscaler_metrics": 6386,
        "dashboard_metrics": 6387,
    },
    "mlflow": {"mlflow": 5000},
    "airflow-api-server": {"airflow": 8080},
}

_STEP = 100
_HIGHEST = 32_767


class Move(NamedTuple):
    """A port that was busy, and the one taken in its place."""

    part: str
    busy: int
    taken: int


def is_free(port: int) -> bool:
    """Whether nobody listens on the port, neither on loopback nor on every interface."""
    return all(_can_bind(address, port) for address in (LOOPBACK, "0.0.0.0"))


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # With it, connections that are still fading away do not count as somebody listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def claims(name: str, port: int) -> tuple[int, ...]:
    """Every port that a named port takes with it.

    >>> claims("admin", 13646)
    (13646, 23646)
    >>> claims("s3", 8333)
    (8333,)
    """
    return (port, port + ADMIN_GRPC_OFFSET) if name == "admin" else (port,)


def choose(
    wanted: Mapping[str, Mapping[str, int]], free: Callable[[int], bool]
) -> tuple[dict[str, int], list[Move]]:
    """Pick a port for every name, none twice.

    Args:
      wanted: part -> name -> port that is preferred.
      free: whether a port can be listened on.

    Returns:
      Name -> port, and which of the wanted ones were busy.

    Raises:
      ClusterError: there is no free port in reach.
    """
    ports: dict[str, int] = {}
    moves: list[Move] = []
    taken: set[int] = set()
    for part, names in wanted.items():
        for name, port in names.items():
            ports[name] = _first_free(name, port, taken, free)
            taken.update(claims(name, ports[name]))
            if ports[name] != port:
                moves.append(Move(part, port, ports[name]))
    return ports, moves


def _first_free(name: str, port: int, taken: set[int], free: Callable[[int], bool]) -> int:
    candidates = range(port, _HIGHEST - ADMIN_GRPC_OFFSET * (name == "admin"), _STEP)
    for candidate in candidates:
        numbers = claims(name, candidate)
        if all(number not in taken and free(number) for number in numbers):
            return candidate
    raise ClusterError(
        f"port {port} is busy, and so is every {_STEP}th above it",
        f"a free port below {_HIGHEST} for '{name}'",
        "Stop what listens there (`ss -ltnp` names it)",
    )
