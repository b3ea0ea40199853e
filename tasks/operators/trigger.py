"""RayJobTrigger: waits for one Ray job in the triggerer, without a worker slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from tasks.operators.hook import RayHook
from tasks.operators.jobs_api import (
    Job,
    JobsApi,
    JobStatus,
    RayRefusedError,
    RayUnreachableError,
)

TOKEN_REFUSED = "RAY_TOKEN_REFUSED"  # our addition to Ray's own error types
STOP_LIMIT_S = 25.0  # Airflow gives `on_kill` 30 s.


class RayJobTrigger(BaseTrigger):
    """Fires once the job has ended, or was stopped at its deadline.

    The event: `{"submission_id", "status", "message", "error_type", "exit_code", "timed_out"}`.

    Args:
      ray_conn_id: the Airflow connection.
      submission_id: the job.
      poll_interval_s: seconds between two looks.
      deadline: UTC instant (ISO 8601) at which the job is stopped; None means never. Airflow
        enforces no `execution_timeout` on a deferred task, so the operator's own ends here.
    """

    def __init__(
        self,
        *,
        ray_conn_id: str,
        submission_id: str,
        poll_interval_s: float,
        deadline: str | None,
    ) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - Airflow's types
        self.ray_conn_id = ray_conn_id
        self.submission_id = submission_id
        self.poll_interval_s = poll_interval_s
        self.deadline = deadline
        self._lines_seen = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments; after a restart of the triggerer this is all that is left."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "ray_conn_id": self.ray_conn_id,
                "submission_id": self.submission_id,
                "poll_interval_s": self.poll_interval_s,
                "deadline": self.deadline,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the job has ended; its new log lines go to the task's log as they come."""
        async with RayHook(self.ray_conn_id).api() as api:
            while True:
                late = self._is_late()
                job = await self._ask(self._stop(api) if late else self._look(api))
                if job is not None and job.status.is_terminal:
                    yield TriggerEvent(_event(job, timed_out=late))
                    return
                await asyncio.sleep(self.poll_interval_s)

    async def on_kill(self) -> None:
        """Stop the job and wait until it is gone: a user has ended the deferred task."""
        async with RayHook(self.ray_conn_id).api() as api:
            await stop_and_wait(api, self.submission_id)

    async def _ask(self, question: Awaitable[Job]) -> Job | None:
        """The job as it is now; None where the cluster cannot say (it may come back)."""
        try:
            return await question
        except (RayUnreachableError, TimeoutError) as error:
            self.log.warning("waiting for Ray: %r", error)
            return None
        except RayRefusedError as error:
            return Job(self.submission_id, JobStatus.FAILED, str(error), TOKEN_REFUSED)

    async def _look(self, api: JobsApi) -> Job:
        job = await api.find(self.submission_id)
        await self._copy_log(api)
        return job or self._lost()

    async def _stop(self, api: JobsApi) -> Job:
        return await stop_and_wait(api, self.submission_id) or self._lost()

    def _lost(self) -> Job:
        return Job(self.submission_id, JobStatus.FAILED, "the cluster does not know the job")

    async def _copy_log(self, api: JobsApi) -> None:
        lines = (await api.logs(self.submission_id)).splitlines()
        for line in lines[self._lines_seen :]:
            self.log.info("%s", line)
        self._lines_seen = len(lines)

    def _is_late(self) -> bool:
        return self.deadline is not None and datetime.now(UTC) >= datetime.fromisoformat(
            self.deadline
        )


async def stop_and_wait(api: JobsApi, submission_id: str) -> Job | None:
    """Stop a job and wait, `STOP_LIMIT_S` at most, until it is gone."""
    async with asyncio.timeout(STOP_LIMIT_S):
        await api.stop(submission_id)
        while (job := await api.find(submission_id)) and not job.status.is_terminal:
            await asyncio.sleep(0.5)
        return job


def _event(job: Job, *, timed_out: bool) -> dict[str, Any]:
    return {
        "submission_id": job.submission_id,
        "status": job.status.value,
        "message": job.message,
        "error_type": job.error_type,
        "exit_code": job.exit_code,
        "timed_out": timed_out,
    }
