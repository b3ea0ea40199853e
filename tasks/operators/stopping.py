"""Ending a Ray job, and only one that is ours to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from tasks.operators.jobs_api import Job, JobsApi, JobStatus
from tasks.operators.ownership import Claim, KillDecision, Ownership, decide

STOP_LIMIT_S = 20.0  # Ray itself kills a job's processes 3 s after it has told them to end.
_LOOK_EVERY_S = 0.5


class Outcome(Enum):
    """What became of a request to stop a job."""

    STOPPED = "stopped"
    TAKEN_OVER = "taken over"
    STILL_WANTED = "still wanted"
    UNSURE = "unsure"


async def stop_and_wait(api: JobsApi, submission_id: str) -> Job | None:
    """Stop a job and wait until it is gone; None where the cluster does not know it.

    Raises:
      TimeoutError: it was not gone after `STOP_LIMIT_S` seconds.
      RayApiError: the dashboard does not answer, or refuses.
    """
    async with asyncio.timeout(STOP_LIMIT_S):
        await api.stop(submission_id)
        while (job := await api.find(submission_id)) and not job.status.is_terminal:
            await asyncio.sleep(_LOOK_EVERY_S)
            if job.status is JobStatus.PENDING:
                await api.stop(submission_id)  # a job without a supervisor yet hears nothing
        return job


async def stop_owned(
    api: JobsApi, ownership: Ownership, submission_id: str, claim: Claim
) -> Outcome:
    """Give a job up and stop it, if `claim` still owns it. Raises as `stop_and_wait`."""
    if not await asyncio.to_thread(ownership.resign, submission_id, claim):
        return Outcome.TAKEN_OVER
    await finish_stop(api, ownership, submission_id, claim)
    return Outcome.STOPPED


async def finish_stop(api: JobsApi, ownership: Ownership, submission_id: str, claim: Claim) -> None:
    """Stop a job that was given up, to the end, and drop its record. Raises as `stop_and_wait`."""
    await stop_and_wait(api, submission_id)
    await asyncio.to_thread(ownership.forget, submission_id, claim)


async def stop_if_ended(
    api: JobsApi,
    ownership: Ownership,
    submission_id: str,
    claim: Claim,
    ask_state: Callable[[], str | None],
) -> Outcome:
    """Stop the job of a task that was killed, if the task has ended for good.

    A mark (failed, success), a failed DAG run and a removed task end it; a clear, a retry and a
    worker's shutdown do not.

    Args:
      api: the cluster.
      ownership: the records.
      submission_id: the job.
      claim: the try that was killed.
      ask_state: the task's state now (blocking); None where Airflow cannot be asked.

    Raises:
      TimeoutError, RayApiError: as in `stop_and_wait`; the record then says "being stopped".
    """
    match decide(await asyncio.to_thread(ask_state)):
        case KillDecision.STOP:
            return await stop_owned(api, ownership, submission_id, claim)
        case KillDecision.LEAVE:
            return Outcome.STILL_WANTED
        case KillDecision.UNSURE:
            return Outcome.UNSURE
