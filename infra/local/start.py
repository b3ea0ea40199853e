"""Bring the stack up: settle, start what is missing, wait until everything answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra.local.answers import check_external
from infra.local.code_version import code_version
from infra.local.external import refuse_other_externals
from infra.local.home import Home
from infra.local.locks import exclusive, port_claims
from infra.local.migrate import migrate_airflow
from infra.local.parts import AIRFLOW_PARTS, Part, PartStatus
from infra.local.plan import PROJECT, Plan
from infra.local.settle import check_home, keep, settle
from infra.local.sockets import audit
from infra.local.state import read_state, write_state
from infra.local.stop import end
from infra.local.supervisor import Supervisor
from infra.local.wait import wait_until_healthy
from ray_jobs.contract.errors import ClusterError

Report = Callable[[str], None]


def bring_up(home: Home, env: Mapping[str, str], report: Report) -> list[PartStatus]:
    """Start what is missing and return when all is healthy.

    A stack that was down is taken down again if this fails or is interrupted; one that was up
    before, however incomplete, is left to run.
    """
    check_home(home)
    home.make()
    with exclusive(home, report):
        supervisor = Supervisor(home)
        if supervisor.is_up():
            plan = Plan(home, read_state(home))
            refuse_other_externals(plan, env)
            plan = _renewed(plan, supervisor, env, report)
            return _complete(plan, supervisor, env, report)
        end(home)  # What a killed life left behind would hold the ports.
        home.make()
        try:
            with port_claims() as claim:
                return _fresh(home, supervisor, env, report, claim)
        except BaseException:
            end(home)
            raise


def _fresh(
    home: Home,
    supervisor: Supervisor,
    env: Mapping[str, str],
    report: Report,
    claim: Callable[[int], bool],
) -> list[PartStatus]:
    plan = settle(home, env, report, free=claim)
    for part in plan.external_parts():
        _check_twice(plan, part)
    keep(plan)
    if plan.local_parts():
        supervisor.start(plan.local_parts(), env)
    return _complete(plan, supervisor, env, report)


def _check_twice(plan: Plan, part: Part) -> None:
    """Ask an external part, and again where it did not answer: it may be slow for once."""
    try:
        check_external(plan, part)
    except ClusterError:
        check_external(plan, part)


def _renewed(plan: Plan, supervisor: Supervisor, env: Mapping[str, str], report: Report) -> Plan:
    """Stop Airflow where the code has changed: its processes hold the old one and its version."""
    version = code_version(PROJECT, env)
    if version == plan.state.code_version:
        return plan
    report("the code has changed: starting Airflow's processes again")
    for part in plan.local_parts():
        if part in AIRFLOW_PARTS:
            supervisor.stop_part(part)
    state = plan.state.model_copy(update={"code_version": version})
    write_state(plan.home, state)
    return Plan(plan.home, state)


def _complete(
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
    found = wait_until_healthy(plan, supervisor, report, started)
    audit(plan)
    return found
