"""Notices to whoever is to act: what has happened, why, and what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ray_jobs.contract.document import Part
from ray_jobs.contract.errors import SortlineError

MOST_CHARACTERS = 1000  # of a fault's own text: chat systems cut or refuse long ones


class Event(StrEnum):
    """What happened."""

    TASK_FAILED = "task_failed"
    APPROVAL_WANTED = "approval_wanted"


class Cause(Part):
    """Why, as our errors say it; what nobody foresaw has a fact alone."""

    fact: str
    expectation: str | None = None
    remedy: str | None = None


class Where(NamedTuple):
    """The task that a notice is about; `link` leads to it in Airflow's UI."""

    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    link: str


class Notice(Part):
    """The JSON that a webhook gets."""

    event: Event
    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    cause: Cause
    link: str
    next_step: str


def of_failure(where: Where, exception: BaseException | str | None) -> Notice:
    """A task has failed for good.

    Args:
      where: the task.
      exception: what it raised; None where its process was ended from outside.
    """
    cause = _cause(exception)
    first = cause.remedy or "Look at the task's log, behind the link, and mend what it tells of"
    then = f"Then clear task '{where.task_id}' of this run: it goes on where it was"
    return _notice(Event.TASK_FAILED, where, cause, f"{first.rstrip('.')}. {then}.")


def of_question(where: Where, subject: str) -> Notice:
    """A person is asked, and the run waits."""
    cause = Cause(fact=subject, expectation="Approve or Reject")
    next_step = "Answer among Airflow's required actions; without an answer the default is taken."
    return _notice(Event.APPROVAL_WANTED, where, cause, next_step)


def _notice(event: Event, where: Where, cause: Cause, next_step: str) -> Notice:
    return Notice(event=event, cause=cause, next_step=next_step, **where._asdict())


def _cause(exception: BaseException | str | None) -> Cause:
    if exception is None:
        return Cause(fact="the task's process was ended from outside, or lost its heartbeat")
    if isinstance(exception, str):
        return Cause(fact=exception[:MOST_CHARACTERS])
    ours = _our_error(exception)
    if ours is None:
        return Cause(fact=f"{type(exception).__name__}: {exception}"[:MOST_CHARACTERS])
    return Cause(fact=ours.fact[:MOST_CHARACTERS], expectation=ours.expectation, remedy=ours.remedy)


def _our_error(exception: BaseException | None) -> SortlineError | None:
    """The exception, or the one of ours that it was raised from (Airflow's own wrap it)."""
    while exception is not None and not isinstance(exception, SortlineError):
        exception = exception.__cause__
    return exception
