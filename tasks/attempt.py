"""Which try of a step a Ray job is: the cluster says, never Airflow's try number (ADR 0002)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_ENDED_BADLY = frozenset({"FAILED", "STOPPED"})


class _Job(NamedTuple):
    attempt: int
    submission_id: str
    status: str


def submission_id(
    run_id: str, step: str, jobs: Iterable[tuple[str, str]]
) -> tuple[str, str | None]:
    """The id under which a step of a run is submitted, or was.

    A job that is waiting, running or done is taken over. Where all have failed or were stopped,
    the attempt is one more than theirs: counted by the highest number, because the cluster may
    have forgotten the first ones, and it refuses an id that it knows.

    Args:
      run_id: the run.
      step: the step (`train`, `export`, ...).
      jobs: submission id and status of every job that the cluster knows, in any order.

    Returns:
      The id, and the status of the job that has it, or None where it is a new one.

    >>> submission_id("ab", "train", [("sortline-ab-train-1", "FAILED")])
    ('sortline-ab-train-2', None)
    >>> submission_id("ab", "train", [("sortline-ab-train-1", "RUNNING")])
    ('sortline-ab-train-1', 'RUNNING')
    """
    mine = sorted(_jobs_of(run_id, step, jobs))
    alive = [job for job in mine if job.status not in _ENDED_BADLY]
    if alive:
        return alive[-1].submission_id, alive[-1].status
    attempt = 1 + (mine[-1].attempt if mine else 0)
    return f"sortline-{run_id}-{step}-{attempt}", None


def _jobs_of(run_id: str, step: str, jobs: Iterable[tuple[str, str]]) -> Iterable[_Job]:
    # The whole name is matched: run `ab` is not run `ab-2`, nor is step `train` step `retrain`.
    name = re.compile(rf"sortline-{re.escape(run_id)}-{re.escape(step)}-([1-9][0-9]*)")
    for job_id, status in jobs:
        found = name.fullmatch(job_id)
        if found:
            yield _Job(int(found[1]), job_id, status)
