"""Bring the stack up: settle, start what is missing, wait until everything answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra.local.health import check_external, statuses
from infra.local.home import Home
from infra.local.locks import exclusive
from infra.local.migrate import migrate_airflow
from infra.local.parts import AIRFLOW_PARTS, Part, PartStatus
from infra.local.plan import Plan
from infra.local.settle import check_home, connect_airflow, settle
from infra.local.state import read_state
from infra.local.stop import end
from infra.local.supervisor import Supervisor, tail
from infra.local.sweep import sweep
from ray_jobs.contract.errors import ClusterError

Report = Callable[[str], None]

TIME_LIMIT_S = 180.0
_POLL_S = 0.2
_CRASHED = {"BACKOFF", "FATAL", "EXITED", "UNKNOWN"}


def bring_up(home: Home, env: Mapping[str, str], report: Report) -> list[PartStatus]:
    """Start what is missing and return when all is healthy.

    What this call started is stopped again if it fails or is interrupted.
    """
    home.make()
    with exclusive(home, report):
        check_home(home)
        supervisor = Supervisor(home)
        if supervisor.is_up():
            plan = Plan(home, read_state(home))
            return _start_and_wait(plan, supervisor, env, report)
        sweep(home.stack_id)
        try:
            plan = settle(home, env, report)
            for part in plan.external_parts():
                check_external(plan, part)
                report(f"{part}: yours at {plan.address(part)}, answers")
            connect_airflow(plan)
            supervisor.start(plan.local_parts(), env)
            return _start_and_wait(plan, supervisor, env, report)
        except BaseException:
            end(home)
            raise


def _start_and_wait(
    plan: Plan, supervisor: Supervisor, env: Mapping[str, str], report: Report
) -> list[PartStatus]:
    started = time.monotonic()
    local = plan.local_parts()
    for part in local:
        if part not in AIRFLOW_PARTS:
            supervisor.start_part(part)
    if Part.SCHEDULER in local:
        migrate_airflow(plan.home, env)
    for part in local:
        if part in AIRFLOW_PARTS:
            supervisor.start_part(part)
    return _wait(plan, supervisor, report, started)


def _wait(plan: Plan, supervisor: Supervisor, report: Report, started: float) -> list[PartStatus]:
    known: set[str] = set()
    while True:
        processes = supervisor.processes()
        found = statuses(plan, processes)
        for status in found:
            if status.healthy and status.name not in known and not status.external:
                report(f"{status.name} healthy ({time.monotonic() - started:.1f} s)")
                known.add(status.name)
        if all(status.healthy for status in found):
            return found
        for name, process in processes.items():
            if process.state in _CRASHED:
                raise _crashed(plan.home, name, process.state)
        if time.monotonic() - started > TIME_LIMIT_S:
            late = next(status.name for status in found if not status.healthy)
            raise _late(plan.home, late)
        time.sleep(_POLL_S)


def _crashed(home: Home, part: str, state: str) -> ClusterError:
    return ClusterError(
        f"{part} does not stay up ({state.lower()}): {' | '.join(tail(home.log_of(part), 3))}",
        "a process that keeps running",
        f"Look at {home.log_of(part)}",
    )


def _late(home: Home, part: str) -> ClusterError:
    said = " | ".join(tail(home.log_of(part), 3))
    return ClusterError(
        f"{part} is not healthy after {TIME_LIMIT_S:.0f} s: {said}",
        "an answer by then",
        f"Look at {home.log_of(part)}",
    )
