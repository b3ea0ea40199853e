"""Wait until every part answers; see at once when one cannot."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.health import Findings, examine
from infra.local.home import Home
from infra.local.parts import PartStatus
from infra.local.plan import Plan
from infra.local.supervisor import ProcessState, Supervisor
from ray_jobs.contract.errors import ClusterError

TIME_LIMIT_S = 180.0
_POLL_S = 0.2
# A part that has just begun to listen may not have read its keys yet, and refuses ours for a
# moment. If it still refuses after this time, our key is wrong.
_REFUSAL_S = 10.0
_CRASHED = {"BACKOFF", "FATAL", "EXITED", "UNKNOWN"}


def wait_until_healthy(
    plan: Plan, supervisor: Supervisor, report: Callable[[str], None], started: float
) -> list[PartStatus]:
    """Return when all parts are healthy.

    Args:
      plan: the parts.
      supervisor: says whether their processes stay up.
      report: gets a line for each part that has become healthy.
      started: `time.monotonic()` at the start of the first.

    Raises:
      CredentialError: a part refuses our credential.
      ClusterError: a process ended, or the time limit has passed.
    """
    known: set[str] = set()
    refused_s: float | None = None
    while True:
        processes = supervisor.processes()
        found = examine(plan, processes, known=known)
        seconds = time.monotonic() - started
        for status in found.parts:
            if status.healthy and status.name not in known:
                known.add(status.name)
                report(f"{status.name} healthy ({seconds:.1f} s)")
        if len(known) == len(found.parts):
            found = examine(plan, processes)
            known = {part.name for part in found.parts if part.healthy}
            if len(known) == len(found.parts):
                return found.parts
        _check_alive(plan, processes)
        refused_s = _check_refusals(found, refused_s, seconds)
        if seconds > TIME_LIMIT_S:
            raise _late(plan.home, next(part.name for part in found.parts if not part.healthy))
        time.sleep(_POLL_S)


def _check_refusals(found: Findings, since: float | None, now: float) -> float | None:
    """Since when we are refused, in seconds; raises once that has lasted."""
    if not found.refusals:
        return None
    since = now if since is None else since
    if now - since >= _REFUSAL_S:
        raise found.refusals[0]
    return since


def _check_alive(plan: Plan, processes: Mapping[str, ProcessState]) -> None:
    home = plan.home
    if not processes and plan.local_parts():
        raise ClusterError(
            f"supervisord has ended: {last_words(home.log_of('supervisord'))}",
            "a supervisor that keeps the parts alive",
            "Run `sortline up` again",
        )
    for name, process in processes.items():
        if process.state in _CRASHED:
            log = home.log_of(name)
            raise ClusterError(
                f"{name} does not stay up ({process.state.lower()}): {last_words(log)}",
                "a process that keeps running",
                f"Look at {log}",
            )


def _late(home: Home, part: str) -> ClusterError:
    log = home.log_of(part)
    return ClusterError(
        f"{part} is not healthy after {TIME_LIMIT_S:.0f} s: {last_words(log)}",
        "an answer by then",
        f"Look at {log}",
    )


def last_words(log: Path, lines: int = 3) -> str:
    """The last lines of a log that say something, on one line of at most 400 characters."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "its log is empty"
    said = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return " | ".join(said)[-400:] or "its log is empty"
