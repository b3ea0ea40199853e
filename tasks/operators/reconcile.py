"""The net under every kill: jobs whose task has ended are stopped, whoever forgot them.

An `on_kill` is lost while the triggerer is down, and cut short where a worker dies. The records of
ownership remain: each names the task that wants its job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tasks.operators.jobs_api import JobsApi
from tasks.operators.ownership import KillDecision, Ownership, Record, decide
from tasks.operators.stopping import Outcome, stop_owned
from tasks.operators.task_states import StateOf

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What a sweep did, as submission ids; `stuck` are those that do not stop."""

    stopped: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


async def sweep(
    api: JobsApi,
    ownership: Ownership,
    state_of: StateOf,
    *,
    concerns: Callable[[Record], bool] = lambda _: True,
) -> Swept:
    """Stop every job whose task has ended, and drop the records of jobs that are gone.

    A job without a record is not ours, and is left alone. One that does not stop in time is told
    of, and keeps nothing else from being swept.

    Args:
      api: the cluster.
      ownership: the records.
      state_of: the state of a claim's task (blocking).
      concerns: which records to look at.

    Raises:
      RayApiError: the dashboard does not answer.
    """
    done: dict[str, list[str]] = {}
    records = await asyncio.to_thread(lambda: iter(ownership.records()))
    # Each is read as its turn comes: stopping the one before may have taken a while.
    while (record := await asyncio.to_thread(next, records, None)) is not None:
        if concerns(record):
            what = await _settle(api, ownership, state_of, record)
            done.setdefault(what, []).append(record.submission_id)
    return Swept(**{name: tuple(ids) for name, ids in done.items()})


async def _settle(api: JobsApi, ownership: Ownership, state_of: StateOf, record: Record) -> str:
    submission_id, owner = record.submission_id, record.owner
    if not record.being_stopped:
        state = await asyncio.to_thread(state_of, owner)
        if decide(state) is not KillDecision.STOP:
            return "kept"
        log.info("%s: its task %s is %s", submission_id, owner.task_id, state)
    job = await api.find(submission_id)
    if job is None or job.status.is_terminal:
        await asyncio.to_thread(ownership.forget, submission_id, owner)
        return "forgotten"
    try:
        outcome = await stop_owned(api, ownership, submission_id, owner)
    except TimeoutError:
        return "stuck"
    return "stopped" if outcome is Outcome.STOPPED else "kept"
