"""Which Ray job a task means: named by its inputs, numbered by what the cluster says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tasks.operators.errors import RayNameError
from tasks.operators.jobs_api import Job, JobStatus

# What is a name in a URL, in an object's key and in a list alike.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LOST = {JobStatus.FAILED, JobStatus.STOPPED}


def checked_name(job_name: str) -> str:
    """The name, if a job can carry it.

    Raises:
      RayNameError: it has other characters than letters, digits, dot, dash and underscore.

    >>> checked_name("churn-2.1-train")
    'churn-2.1-train'
    """
    if _NAME.fullmatch(job_name) is None:
        raise RayNameError(
            f"the job name {job_name!r} cannot be; expected letters, digits, '.', '-' and '_', "
            "a letter or digit first. Change what it is made of"
        )
    return job_name


def ended_lost(job: Job) -> bool:
    """Whether a job ended without its work done."""
    return job.status in _LOST


def current_job(
    job_name: str, jobs: Iterable[Job], is_lost: Callable[[Job], bool] = ended_lost
) -> tuple[str, Job | None]:
    """The submission id to use for `job_name`, and the job that already carries it.

    Attempt = 1 + the jobs of this name that are lost: that ended FAILED or STOPPED, if nobody
    knows more. Any other one is taken over. Airflow's try number plays no part, so that a clear or
    a retry finds the running job.

    >>> failed = Job("train-1", JobStatus.FAILED)
    >>> current_job("train", [failed])
    ('train-2', None)
    >>> current_job("train", [failed, Job("train-2", JobStatus.RUNNING)])[0]
    'train-2'
    """
    attempts = {number: job for job in jobs if (number := _attempt(job_name, job)) is not None}
    for number in sorted(attempts, reverse=True):
        if not is_lost(attempts[number]):
            return attempts[number].submission_id, attempts[number]
    return f"{job_name}-{max(attempts, default=0) + 1}", None


def _attempt(job_name: str, job: Job) -> int | None:
    prefix, _, number = job.submission_id.rpartition("-")
    return int(number) if prefix == job_name and number.isdecimal() else None
