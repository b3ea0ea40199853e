"""Wait until every part answers; see at once when one cannot."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.health import statuses
from infra.local.home import Home
from infra.local.parts import PartStatus
from infra.local.plan import Plan
from infra.local.supervisor import ProcessState, Supervisor
from ray_jobs.contract.errors import ClusterError

TIME_LIMIT_S = 180.0
_POLL_S = 0.2
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
      ClusterError: a process ended, or the time limit has passed.
    """
    known: set[str] = set()
    while True:
        processes = supervisor.processes()
        found = statuses(plan, processes, known=known)
        seconds = time.monotonic() - started
        for status in found:
            if status.healthy and status.name not in known:
                known.add(status.name)
                report(f"{status.name} healthy ({seconds:.1f} s)")
        if len(known) == len(found):
            return statuses(plan, processes)
        _check_alive(plan, processes)
        if seconds > TIME_LIMIT_S:
            raise _late(plan.home, next(status.name for status in found if not status.healthy))
        time.sleep(_POLL_S)


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
