"""What every part answers, ours and the user's, all asked at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
from infra.local.parts import AIRFLOW_PARTS, Part
from infra.local.plan import Plan
from infra.local.supervisor import ProcessState
from ray_jobs.contract.errors import ClusterError, SortlineError

# What is wrong with a part; None where nothing is.
Answer = dict[Part, SortlineError | None]
Question = Callable[[], Answer]

_ALIVE = {"STARTING", "RUNNING"}


def check_external(plan: Plan, part: Part) -> None:
    """Ask an external part. Raises CredentialError, SpecError, ClusterError."""
    profile = plan.state.external.get("SORTLINE_S3_PROFILE", "serve")
    checks: dict[Part, Callable[[], None]] = {
        Part.SEAWEEDFS: lambda: check_object_store(plan, profile),
        Part.RAY: lambda: check_ray(plan),
        Part.MLFLOW: lambda: check_mlflow(plan),
        Part.API_SERVER: lambda: check_external_airflow(plan),
    }
    checks[part]()


def ask_parts(plan: Plan, processes: Mapping[str, ProcessState], parts: Collection[Part]) -> Answer:
    """What is wrong with each of some parts; one of ours is asked only if its process is up."""
    found: Answer = {part: _not_running(processes, part) for part in parts}
    with ThreadPoolExecutor(max_workers=len(Part)) as pool:
        for answer in pool.map(_call, _questions(plan, processes, parts)):
            found |= {part: error for part, error in answer.items() if part in parts}
    return found


def _call(question: Question) -> Answer:
    return question()


def _questions(
    plan: Plan, processes: Mapping[str, ProcessState], parts: Collection[Part]
) -> list[Question]:
    checks: dict[Part, Callable[[], None]] = {
        Part.SEAWEEDFS: lambda: check_object_store(plan, ADMIN),
        Part.RAY: lambda: check_ray(plan),
        Part.MLFLOW: lambda: check_mlflow(plan),
    }
    questions: list[Question] = []
    for part in parts:
        if plan.is_external(part):
            questions.append(_question(part, lambda part=part: check_external(plan, part)))
        elif part in checks and _is_alive(processes, part):
            questions.append(_question(part, checks[part]))
    if set(parts) & set(AIRFLOW_PARTS) and _is_alive(processes, Part.API_SERVER):
        questions.append(lambda: _airflow(plan, processes))
    return questions


def _question(part: Part, check: Callable[[], None]) -> Question:
    def ask() -> Answer:
        try:
            check()
        except SortlineError as error:
            return {part: error}
        return {part: None}

    return ask


def _airflow(plan: Plan, processes: Mapping[str, ProcessState]) -> Answer:
    try:
        report = airflow_health(plan)
    except SortlineError as error:
        return dict.fromkeys(AIRFLOW_PARTS, error)
    return {part: _of_airflow(processes, part, *told) for part, told in report.items()}


def _of_airflow(
    processes: Mapping[str, ProcessState], part: Part, healthy: bool, heartbeat: str | None
) -> ClusterError | None:
    if not _is_alive(processes, part):
        return _not_running(processes, part)
    if not _is_fresh(heartbeat, processes[part]):
        return _down(f"the last heartbeat of {part} ({heartbeat}) is of an earlier life")
    return None if healthy else _down(f"Airflow calls {part} unhealthy")


def _is_alive(processes: Mapping[str, ProcessState], part: Part) -> bool:
    return part in processes and processes[part].state in _ALIVE


def _is_fresh(heartbeat: str | None, process: ProcessState) -> bool:
    """Whether a heartbeat is of this life: Airflow trusts an old one for half a minute."""
    if heartbeat is None:
        return True
    started = datetime.fromtimestamp(process.started_at, tz=UTC)
    return datetime.fromisoformat(heartbeat) >= started


def _not_running(processes: Mapping[str, ProcessState], part: Part) -> ClusterError:
    """Why a part was not asked."""
    if _is_alive(processes, part):
        return _down(f"{Part.API_SERVER}, which tells of {part}, does not run")
    if part in processes:
        return _down(f"the process of {part} is {processes[part].state.lower()}")
    return _down(f"no supervisor runs {part}")


def _down(fact: str) -> ClusterError:
    return ClusterError(fact, "a part that is up", "Run `sortline up`")
