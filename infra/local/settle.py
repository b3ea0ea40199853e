"""Settle, before anything starts, what the stack will look like: ports, external parts, code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping

from infra.local.code_version import code_version
from infra.local.external import external_variables
from infra.local.generate import fill_vault, write_connections
from infra.local.home import Home, using
from infra.local.parts import Part
from infra.local.plan import PROJECT, Plan
from infra.local.ports import DEFAULT_PORTS, choose
from infra.local.state import StackState, read_state, write_state
from ray_jobs.contract.errors import ClusterError, SpecError

Report = Callable[[str], None]

LEAST_FREE_BYTES = 2 * 10**9
# Characters that the parts' configuration files and database addresses read as something else.
_BAD_IN_PATH = re.compile(r"""[%?#$;,"'\\\n]""")


def check_home(home: Home, *, least_free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Refuse a home that the stack cannot work in, before it is made.

    Raises:
      SpecError: its path has a character that a part misreads, or leads where we may not look.
      ClusterError: too little space is left on its file system.
    """
    if found := _BAD_IN_PATH.search(str(home.root)):
        raise SpecError(
            f"the home {home.root} has {found.group()!r} in its path",
            "a path without any of % ? # $ ; , \" ' \\",
            "Name another with --home",
        )
    with using(home):
        there = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
        free = shutil.disk_usage(there).free
    if free < least_free_bytes:
        raise ClusterError(
            f"{free / 1e9:.1f} GB are free where {home.root} lies",
            f"at least {least_free_bytes / 1e9:.1f} GB",
            "Make room, or name a home on another disk with --home",
        )


def settle(
    home: Home, env: Mapping[str, str], report: Report, *, free: Callable[[int], bool]
) -> Plan:
    """Choose external parts, ports and code version; nothing is written yet.

    Args:
      home: where it will live; the ports of the last time are taken again where they are free.
      env: the user's environment.
      report: told of each port that was busy.
      free: whether a port can be had.
    """
    before = read_state(home)
    external = external_variables(env, Plan(home, before))
    bare = Plan(home, StackState(external=external))
    wanted = {
        part: {name: before.ports.get(name, port) for name, port in names.items()}
        for part, names in DEFAULT_PORTS.items()
        if not bare.is_external(Part(part))
    }
    ports, moves = choose(wanted, free)
    for move in moves:
        report(f"{move.part}: port {move.busy} is busy, took {move.taken}")
    state = StackState(
        ports=ports,
        external=external,
        bucket=env.get("SORTLINE_BUCKET") or before.bucket,
        code_version=code_version(PROJECT, env),
    )
    return Plan(home, state)


def keep(plan: Plan) -> None:
    """Write down what was settled, with the secrets that go with it."""
    fill_vault(plan.vault, bucket=plan.state.bucket)
    write_connections(plan.vault, ray_address=plan.ray_address, token_file=plan.ray_token_file)
    write_state(plan.home, plan.state)
