"""The health of every part of a plan, ours and the user's, all asked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from infra.local.checks import (
    airflow_health,
    check_external_airflow,
    check_mlflow,
    check_object_store,
    check_ray,
)
from infra.local.identities import ADMIN
from infra.local.parts import AIRFLOW_PARTS, Part, PartStatus
from infra.local.plan import Plan
from infra.local.supervisor import ProcessState
from ray_jobs.contract.errors import SortlineError


def check_external(plan: Plan, part: Part) -> None:
    """Ask an external part. Raises CredentialError, ClusterError."""
    profile = plan.state.external.get("SORTLINE_S3_PROFILE", "serve")
    checks: dict[Part, Callable[[], None]] = {
        Part.SEAWEEDFS: lambda: check_object_store(plan, profile),
        Part.RAY: lambda: check_ray(plan),
        Part.MLFLOW: lambda: check_mlflow(plan),
        Part.API_SERVER: lambda: check_external_airflow(plan),
    }
    checks[part]()


def statuses(plan: Plan, processes: Mapping[str, ProcessState]) -> list[PartStatus]:
    """Every part with its health; a part of ours is healthy only if its process stays up."""
    parts = [*plan.local_parts(), *plan.external_parts()]
    questions = _questions(plan, processes)
    healthy: Answer = {}
    with ThreadPoolExecutor(max_workers=len(questions) or 1) as pool:
        for answer in pool.map(_call, questions):
            healthy |= answer
    return [
        PartStatus(
            name=part,
            address=plan.address(part),
            external=plan.is_external(part),
            healthy=healthy.get(part, False),
        )
        for part in parts
    ]


Answer = dict[Part, bool]


def _call(ask: Callable[[], Answer]) -> Answer:
    return ask()


def _questions(plan: Plan, processes: Mapping[str, ProcessState]) -> list[Callable[[], Answer]]:
    running = {name for name, process in processes.items() if process.state in _ALIVE}
    local: dict[Part, Callable[[], None]] = {
        Part.SEAWEEDFS: lambda: check_object_store(plan, ADMIN),
        Part.RAY: lambda: check_ray(plan),
        Part.MLFLOW: lambda: check_mlflow(plan),
    }
    questions = [_ask(part, check) for part, check in local.items() if part in running]
    for part in plan.external_parts():
        questions.append(_ask(part, lambda part=part: check_external(plan, part)))
    if Part.API_SERVER in running:
        questions.append(lambda: _airflow(plan, processes))
    return questions


_ALIVE = {"STARTING", "RUNNING"}


def _ask(part: Part, check: Callable[[], None]) -> Callable[[], Answer]:
    def ask() -> Answer:
        try:
            check()
        except SortlineError:
            return {part: False}
        return {part: True}

    return ask


def _airflow(plan: Plan, processes: Mapping[str, ProcessState]) -> Answer:
    try:
        report = airflow_health(plan)
    except SortlineError:
        return dict.fromkeys(AIRFLOW_PARTS, False)
    return {
        part: healthy and _fresh(heartbeat, processes.get(part))
        for part, (healthy, heartbeat) in report.items()
    }


def _fresh(heartbeat: str | None, process: ProcessState | None) -> bool:
    """Whether a heartbeat is of this life: Airflow trusts an old one for half a minute."""
    if process is None or process.state not in _ALIVE:
        return False
    if heartbeat is None:
        return True
    started = datetime.fromtimestamp(process.started_at, tz=UTC)
    return datetime.fromisoformat(heartbeat) >= started
