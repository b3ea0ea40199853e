"""The net under every kill: jobs whose task has ended are stopped, whoever forgot them.

An `on_kill` is lost while the triggerer is down, and cut short where a worker dies. The records of
ownership remain: each names the task that wants its job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tasks.operators.jobs_api import Job, JobsApi
from tasks.operators.ownership import ENDED, Ownership, Record
from tasks.operators.stopping import Outcome, finish_stop, stop_owned
from tasks.operators.task_states import StateOf

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What a sweep did, as submission ids."""

    stopped: tuple[str, ...]
    forgotten: tuple[str, ...]
    kept: tuple[str, ...]


async def sweep(
    api: JobsApi,
    ownership: Ownership,
    state_of: StateOf,
    *,
    concerns: Callable[[Record], bool] = lambda _: True,
) -> Swept:
    """Stop every job whose task has ended, and drop the records of jobs that are gone.

    A job without a record is not ours, and is left alone.

    Args:
      api: the cluster.
      ownership: the records.
      state_of: the state of a claim's task (blocking).
      concerns: which records to look at.

    Raises:
      TimeoutError, RayApiError: a job does not stop, or the dashboard does not answer.
    """
    records = [one for one in await asyncio.to_thread(_all, ownership) if concerns(one)]
    alive = {job.submission_id: job for job in await api.list()} if records else {}
    done: dict[str, list[str]] = {"stopped": [], "forgotten": [], "kept": []}
    for record in records:
        what = await _settle(api, ownership, state_of, record, alive.get(record.submission_id))
        done[what].append(record.submission_id)
    return Swept(**{name: tuple(ids) for name, ids in done.items()})


async def _settle(
    api: JobsApi, ownership: Ownership, state_of: StateOf, record: Record, job: Job | None
) -> str:
    if not record.being_stopped:
        state = await asyncio.to_thread(state_of, record.owner)
        if state not in ENDED:
            return "kept"
        log.info("%s: its task %s is %s", record.submission_id, record.owner.task_id, state)
    if job is None or job.status.is_terminal:
        await asyncio.to_thread(ownership.forget, record.submission_id)
        return "forgotten"
    if record.being_stopped:
        await finish_stop(api, ownership, record.submission_id)
        return "stopped"
    outcome = await stop_owned(api, ownership, record.submission_id, record.owner)
    return "stopped" if outcome is Outcome.STOPPED else "kept"


def _all(ownership: Ownership) -> list[Record]:
    return list(ownership.records())
