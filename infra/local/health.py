"""The health of every part of a plan, ours and the user's, all asked at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

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
from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError

Answer = dict[Part, bool | CredentialError]
Question = Callable[[], Answer]


class Findings(NamedTuple):
    """Every part with its health, and what the parts say that refuse our credential."""

    parts: list[PartStatus]
    refusals: list[CredentialError]


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


def statuses(plan: Plan, processes: Mapping[str, ProcessState]) -> list[PartStatus]:
    """Every part with its health."""
    return examine(plan, processes).parts


def require_healthy(plan: Plan, processes: Mapping[str, ProcessState]) -> None:
    """Return only if every part is healthy, each given a second look: one may be slow for once.

    Raises:
      CredentialError: a part refuses our credential.
      ClusterError: names the parts that are down.
    """
    found = examine(plan, processes)
    if not all(part.healthy for part in found.parts):
        well = {part.name for part in found.parts if part.healthy}
        found = examine(plan, processes, known=well)
    if found.refusals:
        raise found.refusals[0]
    if down := [part.name for part in found.parts if not part.healthy]:
        raise ClusterError(
            f"the stack in {plan.home.root} is not up: {', '.join(down)}",
            "every part healthy",
            "Run `sortline up`",
        )


def examine(
    plan: Plan, processes: Mapping[str, ProcessState], *, known: Collection[str] = ()
) -> Findings:
    """Ask every part.

    Args:
      plan: the parts.
      processes: what the supervisor says; a part of ours is healthy only if its process is up.
      known: parts that count as healthy and are not asked.
    """
    parts = [*plan.local_parts(), *plan.external_parts()]
    answers: Answer = {part: True for part in parts if part in known}
    questions = _questions(plan, processes, [part for part in parts if part not in known])
    with ThreadPoolExecutor(max_workers=len(Part)) as pool:
        for answer in pool.map(_call, questions):
            answers |= answer
    found = [
        PartStatus(
            name=part,
            address=plan.address(part),
            external=plan.is_external(part),
            healthy=answers.get(part) is True,
        )
        for part in parts
    ]
    return Findings(found, [said for said in answers.values() if isinstance(said, CredentialError)])


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


def _is_alive(processes: Mapping[str, ProcessState], part: Part) -> bool:
    return part in processes and processes[part].state in _ALIVE


def _question(part: Part, check: Callable[[], None]) -> Question:
    def ask() -> Answer:
        try:
            check()
        except CredentialError as refusal:
            return {part: refusal}
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
        part: healthy and _is_alive(processes, part) and _is_fresh(heartbeat, processes[part])
        for part, (healthy, heartbeat) in report.items()
    }


def _is_fresh(heartbeat: str | None, process: ProcessState) -> bool:
    """Whether a heartbeat is of this life: Airflow trusts an old one for half a minute."""
    if heartbeat is None:
        return True
    started = datetime.fromtimestamp(process.started_at, tz=UTC)
    return datetime.fromisoformat(heartbeat) >= started
