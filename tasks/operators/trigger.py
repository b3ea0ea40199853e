"""RayJobTrigger: waits for one Ray job in the triggerer, without a worker slot."""

from __future__ import annotations

import asyncio
import pkgutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from tasks.operators.cluster_watch import ClusterWatch, Look, waiting_for
from tasks.operators.errors import RayRefusedError, RayUnreachableError
from tasks.operators.hook import RayHook
from tasks.operators.jobs_api import Job, JobStatus
from tasks.operators.log_tail import LogTail
from tasks.operators.ownership import Claim, Ownership
from tasks.operators.stopping import Outcome, stop_if_ended, stop_owned
from tasks.operators.task_states import state_of

TOKEN_REFUSED = "RAY_TOKEN_REFUSED"  # our additions to Ray's own error types
JOB_UNKNOWN = "RAY_JOB_UNKNOWN"
# One refusal may be an old token in a client of before; two in a row are meant.
_REFUSALS = 2
# How long after its deadline a job that cannot be stopped is waited for.
_GIVE_UP = timedelta(minutes=10)
_STOPPING: set[asyncio.Task[None]] = set()


class RayJobTrigger(BaseTrigger):
    """Fires once the job has ended, or was stopped at its deadline.

    The event: `{"submission_id", "status", "message", "error_type", "exit_code", "timed_out"}`.

    Args:
      ray_conn_id: the Airflow connection.
      submission_id: the job.
      poll_interval_s: seconds between two looks.
      deadline: UTC instant (ISO 8601) at which the job is stopped; None means never. Airflow
        enforces no `execution_timeout` on a deferred task, so the operator's own ends here.
      claim: the try that waits (`Claim.to_json`).
      ownership: import path of a factory of the `Ownership` records.
    """

    def __init__(
        self,
        *,
        ray_conn_id: str,
        submission_id: str,
        poll_interval_s: float,
        deadline: str | None,
        claim: dict[str, Any],
        ownership: str,
    ) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - Airflow's types
        self.ray_conn_id = ray_conn_id
        self.submission_id = submission_id
        self.poll_interval_s = poll_interval_s
        self.deadline = deadline
        self.claim = claim
        self.ownership = ownership

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments; after a restart of the triggerer this is all that is left."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "ray_conn_id": self.ray_conn_id,
                "submission_id": self.submission_id,
                "poll_interval_s": self.poll_interval_s,
                "deadline": self.deadline,
                "claim": self.claim,
                "ownership": self.ownership,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the job has ended; its log goes to the task's log as it comes."""
        async with waiting_for(self.ray_conn_id, self.submission_id, self.poll_interval_s) as watch:
            tail = LogTail(self.submission_id, lambda line: self.log.info("%s", line))
            follower = asyncio.create_task(tail.follow(lambda: watch.api, watch.follow_room))
            try:
                event = await self._until_over(watch)
            finally:
                follower.cancel()
                await asyncio.gather(follower, return_exceptions=True)
            if watch.api is not None and event["error_type"] not in {TOKEN_REFUSED, JOB_UNKNOWN}:
                await tail.catch_up(watch.api, watch.catch_up_room)
        yield TriggerEvent(event)

    async def on_kill(self) -> None:
        """Stop the job if its task was ended for good: marked, or its DAG run failed.

        Airflow calls this after a clear, too; then the new try takes the job over, or has done so
        already. Where Airflow cannot say which it was, the reconciler decides.
        """
        # Airflow 3.3.2 cancels a killed trigger anew every second, `on_kill` included: what it
        # starts must outlive it. A task that nobody holds may be collected while it runs.
        stop = asyncio.create_task(self._stop_if_ended())
        _STOPPING.add(stop)
        stop.add_done_callback(_STOPPING.discard)
        await asyncio.shield(stop)

    async def _stop_if_ended(self) -> None:
        try:
            async with RayHook(self.ray_conn_id).api() as api:
                outcome = await stop_if_ended(
                    api,
                    await asyncio.to_thread(self._records),
                    self.submission_id,
                    self._claim(),
                    self._ask_state,
                )
        except Exception:
            self.log.exception("Ray job %s is left to the reconciler", self.submission_id)
        else:
            self.log.info("killed while waiting; Ray job %s: %s", self.submission_id, outcome.value)

    async def _until_over(self, watch: ClusterWatch) -> dict[str, Any]:
        refusals = 0
        while True:
            look = await watch.next_look()
            refusals = refusals + 1 if isinstance(look.error, RayRefusedError) else 0
            event = self._event_of(look, refusals)
            if event is None and self._is_late():
                event = await self._stop_late(watch)
            if event is not None:
                return event

    def _event_of(self, look: Look, refusals: int) -> dict[str, Any] | None:
        """What a look means: the event to fire, or None to go on waiting."""
        if refusals >= _REFUSALS:
            return self._event(
                Job(self.submission_id, JobStatus.FAILED, str(look.error), TOKEN_REFUSED)
            )
        if look.error is not None:
            self.log.warning("waiting for Ray: %s", look.error)
            return None
        if self.submission_id not in look.asked:
            return None  # the look had begun before this wait did
        job = look.jobs.get(self.submission_id)
        if job is None:
            return self._event(self._unknown())
        return self._event(job) if job.status.is_terminal else None

    async def _stop_late(self, watch: ClusterWatch) -> dict[str, Any] | None:
        """Stop the job at its deadline; None where that cannot be done yet: try again.

        What cannot be done for `_GIVE_UP` is left to the reconciler.
        """
        try:
            job = await self._stop_owned(watch)
        except Exception as error:  # of Ray, or of the records
            self.log.warning("past its deadline, and cannot be stopped yet: %r", error)
            if not self._is_late(by=_GIVE_UP):
                return None
            job = Job(self.submission_id, JobStatus.RUNNING, f"cannot be stopped: {error!r}")
        # One that failed by itself just then tells its own story.
        return self._event(job, timed_out=job.status is not JobStatus.FAILED)

    async def _stop_owned(self, watch: ClusterWatch) -> Job:
        if watch.api is None:
            raise RayUnreachableError("no look at the cluster yet")
        records = await asyncio.to_thread(self._records)
        outcome = await stop_owned(watch.api, records, self.submission_id, self._claim())
        if outcome is Outcome.TAKEN_OVER:
            self.log.warning("past its deadline, but another task waits for it now")
        job = await watch.api.find(self.submission_id)
        return job or replace(self._unknown(), status=JobStatus.STOPPED)

    def _unknown(self) -> Job:
        text = "the cluster does not know the job: it was started anew"
        return Job(self.submission_id, JobStatus.FAILED, text, JOB_UNKNOWN)

    def _ask_state(self) -> str | None:
        try:
            return state_of(self._claim())
        except Exception as error:  # whatever it is: the reconciler decides then
            self.log.warning("Airflow cannot be asked for the task's state: %r", error)
            return None

    def _records(self) -> Ownership:
        return pkgutil.resolve_name(self.ownership)()

    def _claim(self) -> Claim:
        return Claim.from_json(self.claim)

    def _is_late(self, *, by: timedelta = timedelta(0)) -> bool:
        if self.deadline is None:
            return False
        return datetime.now(UTC) >= datetime.fromisoformat(self.deadline) + by

    def _event(self, job: Job, *, timed_out: bool = False) -> dict[str, Any]:
        return {
            "submission_id": job.submission_id,
            "status": job.status.value,
            "message": job.message,
            "error_type": job.error_type,
            "exit_code": job.exit_code,
            "timed_out": timed_out,
        }
