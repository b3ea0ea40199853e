"""RayJobOperator: one Ray job, submitted once and waited for without a worker slot."""

from __future__ import annotations

import asyncio
import pkgutil
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from tasks.operators.hook import RayHook
from tasks.operators.jobs_api import Job, JobRequest, JobsApi, JobStatus
from tasks.operators.naming import current_job
from tasks.operators.trigger import RayJobTrigger, stop_and_wait


class RayJobOperator(BaseOperator):
    """Runs a Ray job to its end.

    The job's id is `<job_name>-<attempt>`: a clear, a retry or a second trigger of the same work
    finds the job that is there (see `naming`). While Ray runs, the task is deferred.

    Args:
      job_name: what the job is, derived from its inputs (templated).
      entrypoint: constant argument vector (templated, element by element); never a shell string.
      env_vars: names that the job's processes see; nothing secret, Ray shows them.
      num_cpus: CPUs that the entry point itself takes; None for a driver that only waits.
      deadline: how long the job may take, from its submission; then it is stopped.
      failure: `module:function` of a `(event) -> Exception` that says what a failed job means.
      ray_conn_id: the Airflow connection.
      poll_interval_s: seconds between two looks.
    """

    template_fields: Collection[str] = ("job_name", "entrypoint")
    ui_color = "#d3e8f5"

    def __init__(  # noqa: PLR0913 - an operator's arguments are its interface
        self,
        *,
        job_name: str,
        entrypoint: Sequence[str],
        env_vars: Mapping[str, str] | None = None,
        num_cpus: float | None = None,
        deadline: timedelta | None = None,
        failure: str = "tasks.operators.operator:job_failure",
        ray_conn_id: str = RayHook.default_conn_name,
        poll_interval_s: float = 2.0,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)  # pyright: ignore[reportUnknownMemberType] - Airflow's types
        self.job_name = job_name
        self.entrypoint = entrypoint
        self.env_vars = dict(env_vars or {})
        self.num_cpus = num_cpus
        self.deadline = deadline
        self.failure = failure
        self.ray_conn_id = ray_conn_id
        self.poll_interval_s = poll_interval_s
        self._submission_id: str | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Find or submit the job, then wait for it deferred."""
        job = asyncio.run(self._find_or_submit(context))
        if job.status is JobStatus.SUCCEEDED:
            self.log.info("Ray job %s has succeeded already", job.submission_id)
            return {"submission_id": job.submission_id}
        self.defer(
            trigger=RayJobTrigger(
                ray_conn_id=self.ray_conn_id,
                submission_id=job.submission_id,
                poll_interval_s=self.poll_interval_s,
                deadline=self._deadline_of(job),
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the job's id, or raise what its failure means."""
        if event["status"] == JobStatus.SUCCEEDED:
            return {"submission_id": event["submission_id"]}
        error: Exception = pkgutil.resolve_name(self.failure)(event)
        raise error

    def on_kill(self) -> None:
        """Stop the job: the task was ended while this process still had it."""
        submission_id = self._submission_id
        if submission_id:
            # Airflow calls this from a signal handler, maybe while `execute` runs its own loop.
            stop = threading.Thread(target=lambda: asyncio.run(self._stop(submission_id)))
            stop.start()
            stop.join()

    async def _find_or_submit(self, context: Context) -> Job:
        async with RayHook(self.ray_conn_id).api() as api:
            submission_id, job = current_job(self.job_name, await api.list())
            if (state := cast("Any", context).get("task_state_store")) is not None:
                state.set("submission_id", submission_id)
            self._submission_id = submission_id
            return job or await self._submit(api, submission_id)

    async def _submit(self, api: JobsApi, submission_id: str) -> Job:
        request = JobRequest(
            entrypoint=self.entrypoint, env_vars=self.env_vars, num_cpus=self.num_cpus
        )
        self.log.info("submitting Ray job %s: %s", submission_id, request.entrypoint)
        await api.submit(submission_id, request)
        return Job(submission_id, JobStatus.PENDING)

    async def _stop(self, submission_id: str) -> None:
        async with RayHook(self.ray_conn_id).api() as api:
            await stop_and_wait(api, submission_id)

    def _deadline_of(self, job: Job) -> str | None:
        if self.deadline is None:
            return None
        now = datetime.now(UTC)
        start = now if job.start_ms is None else datetime.fromtimestamp(job.start_ms / 1000, UTC)
        return (start + self.deadline).isoformat()


def job_failure(event: dict[str, Any]) -> Exception:
    """A failed job, when nobody knows more: not retried if its own code failed."""
    text = f"Ray job {event['submission_id']} ended {event['status']}: {event['message']}"
    if event["timed_out"] or event["error_type"] == "JOB_ENTRYPOINT_COMMAND_ERROR":
        return AirflowFailException(text)
    return AirflowException(text)
