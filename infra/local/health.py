"""The health of every part of a plan, ours and the user's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from infra.local.answers import ask_parts
from infra.local.parts import Part, PartStatus
from infra.local.plan import Plan
from infra.local.supervisor import ProcessState
from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError


class Findings(NamedTuple):
    """Every part with its health, and what the parts say that refuse our credential."""

    parts: list[PartStatus]
    refusals: list[CredentialError]


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
    errors = ask_parts(plan, processes, [part for part in parts if part not in known])
    found = [_status(plan, part, errors.get(part)) for part in parts]
    return Findings(found, [said for said in errors.values() if isinstance(said, CredentialError)])


def _status(plan: Plan, part: Part, error: SortlineError | None) -> PartStatus:
    external = plan.is_external(part)
    return PartStatus(
        name=part,
        address=plan.address(part),
        external=external,
        healthy=error is None,
        reason=error.fact if error else None,
        log=None if external else str(plan.home.log_of(part)),
    )
