"""RayJobOperator: one Ray job, submitted once and waited for without a worker slot."""

from __future__ import annotations

import asyncio
import contextlib
import pkgutil
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from airflow.sdk import BaseOperator, Context
from airflow.sdk.definitions.retry_policy import (
    ExceptionRetryPolicy,
    RetryAction,
    RetryPolicy,
    RetryRule,
)

from tasks.operators.errors import (
    RayError,
    RayJobFailedError,
    RayJobLostError,
    RayJobTimedOutError,
    RayRefusedError,
    RayUnreachableError,
    SupersededError,
)
from tasks.operators.hook import RayHook
from tasks.operators.jobs_api import Job, JobRequest, JobsApi, JobStatus
from tasks.operators.links import RayJobLink
from tasks.operators.naming import checked_name, current_job, ended_lost
from tasks.operators.ownership import Claim, Claimed, NoOwnership, Ownership
from tasks.operators.stopping import finish_stop, stop_if_ended
from tasks.operators.task_states import state_of
from tasks.operators.trigger import TOKEN_REFUSED, RayJobTrigger

# The driver's own exit code was not 0. Everything else that Ray calls a failure is the cluster's.
OWN_CODE_FAILED = "JOB_ENTRYPOINT_COMMAND_ERROR"
# A shell tells a signal as 128 + its number, Python as minus its number.
_SHELL_SIGNALS = range(129, 193)
_KILL_LIMIT_S = 4.5  # Airflow kills a task's process 5 s after it was told to end.

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule([RayUnreachableError, RayJobLostError], RetryAction.RETRY, reason="cluster lost"),
        RetryRule(RayError, RetryAction.FAIL, reason="another try would fail the same way"),
    ]
)


class RayJobOperator(BaseOperator):
    """Runs a Ray job to its end.

    The job's id is `<job_name>-<attempt>`: a clear, a retry or a second trigger of the same work
    finds the job that is there (see `naming`). While Ray runs, the task is deferred. What it
    returns: `{"submission_id", **result}`.

    Args:
      job_name: what the job is, derived from its inputs (templated).
      entrypoint: constant argument vector (templated, element by element); never a shell string.
      env_vars: names that the job's processes see; nothing secret, Ray shows them.
      num_cpus: CPUs that the entry point itself takes; None for a driver that only waits.
      deadline: how long the job may take, from its submission; then it is stopped.
      ownership: import path of a factory of the `Ownership` records.
      ray_conn_id: the Airflow connection.
      poll_interval_s: seconds between two looks.
      retry_policy: which failures are tried again.
    """

    template_fields: Collection[str] = ("job_name", "entrypoint")
    operator_extra_links = (RayJobLink(),)
    ui_color = "#d3e8f5"

    def __init__(  # noqa: PLR0913 - an operator's arguments are its interface
        self,
        *,
        job_name: str,
        entrypoint: Sequence[str],
        env_vars: Mapping[str, str] | None = None,
        num_cpus: float | None = None,
        deadline: timedelta | None = None,
        ownership: str = f"{NoOwnership.__module__}:{NoOwnership.__qualname__}",
        ray_conn_id: str = RayHook.default_conn_name,
        poll_interval_s: float = 2.0,
        retry_policy: RetryPolicy | None = RETRY_POLICY,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(retry_policy=retry_policy, **kwargs)  # pyright: ignore[reportUnknownMemberType] - Airflow's types
        self.job_name = job_name
        self.entrypoint = entrypoint
        self.env_vars = dict(env_vars or {})
        self.num_cpus = num_cpus
        self.deadline = deadline
        self.ownership = ownership
        self.ray_conn_id = ray_conn_id
        self.poll_interval_s = poll_interval_s
        self.job_url = ""
        self._killed = False
        self._held: tuple[str, Claim] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Find or submit the job, then wait for it deferred."""
        claim = _claim_of(context)
        job = asyncio.run(self._find_or_submit(context, claim))
        self._show(job.submission_id)
        if job.status is JobStatus.SUCCEEDED:
            self.log.info("Ray job %s has succeeded already", job.submission_id)
            return self._over(job.submission_id, claim)
        self.defer(
            trigger=RayJobTrigger(
                ray_conn_id=self.ray_conn_id,
                submission_id=job.submission_id,
                poll_interval_s=self.poll_interval_s,
                deadline=self._deadline_of(job),
                claim=claim.to_json(),
                ownership=self.ownership,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the job's id and result, or raise what its failure means."""
        submission_id, claim = event["submission_id"], _claim_of(context)
        self._show(submission_id)
        if event["status"] == JobStatus.SUCCEEDED:
            return self._over(submission_id, claim)
        if JobStatus(event["status"]).is_terminal and event["error_type"] != TOKEN_REFUSED:
            self._records().forget(submission_id, claim)
        raise self.failure_of(event)

    def on_kill(self) -> None:
        """Stop the job if the task was ended for good; nothing is submitted any more.

        Airflow calls this from a signal handler, maybe while `execute` runs its own loop. What
        this cannot finish, or cannot tell, the reconciler does.
        """
        self._killed = True
        if self._held is not None:
            stop = threading.Thread(target=self._stop_if_ended, args=self._held, daemon=True)
            stop.start()
            stop.join(_KILL_LIMIT_S)

    def is_lost(self, job: Job) -> bool:
        """Whether a job's work is to be done by another attempt. Override it where more is known.

        Args:
          job: one of this name.
        """
        return ended_lost(job)

    def failure_of(self, event: dict[str, Any]) -> Exception:
        """What a job that did not succeed means. Override it where more is known.

        Args:
          event: what `RayJobTrigger` fired.
        """
        return job_failure(event)

    def result_of(self, submission_id: str) -> dict[str, Any]:
        """What a job that succeeded made, as plain values. Override it to put that into XCom."""
        return {}

    def _over(self, submission_id: str, claim: Claim) -> dict[str, Any]:
        result = {"submission_id": submission_id, **self.result_of(submission_id)}
        self._records().forget(submission_id, claim)
        return result

    async def _find_or_submit(self, context: Context, claim: Claim) -> Job:
        ownership, job_name = self._records(), checked_name(self.job_name)
        async with RayHook(self.ray_conn_id).api() as api:
            while True:
                submission_id, job = current_job(job_name, await api.list(), self.is_lost)
                if job is not None and job.status is JobStatus.SUCCEEDED:
                    return job
                # For whoever looks: the id is in the UI and in REST before Ray has the job.
                cast("Any", context)["task_state_store"].set("submission_id", submission_id)
                match await asyncio.to_thread(ownership.claim, submission_id, claim):
                    case Claimed.MINE:
                        if (held := await self._hold(api, submission_id, job, claim)) is not None:
                            return held
                        await asyncio.to_thread(ownership.forget, submission_id, claim)
                    case Claimed.BEING_STOPPED:
                        self.log.info("Ray job %s is being stopped; waiting", submission_id)
                        with contextlib.suppress(TimeoutError):  # then look, and wait, again
                            await finish_stop(api, ownership, submission_id, claim)
                    case Claimed.SUPERSEDED:
                        raise SupersededError(f"a newer try has taken {submission_id} over")

    async def _hold(
        self, api: JobsApi, submission_id: str, job: Job | None, claim: Claim
    ) -> Job | None:
        """The job, ours now: submitted, or taken over; None if it ended before we had it."""
        if job is None:
            job = await self._submit(api, submission_id)
        else:
            job = await api.find(submission_id)
            if job is None or job.status in {JobStatus.FAILED, JobStatus.STOPPED}:
                return None
        # Only now is there something to stop; a kill that came before has left it to us.
        self._held = submission_id, claim
        if self._killed:
            await asyncio.to_thread(self.on_kill)
        return job

    async def _submit(self, api: JobsApi, submission_id: str) -> Job:
        if self._killed:
            # A mark has ended the task whatever it raises; a worker's shutdown has not.
            raise RayJobLostError("the task was killed before its job was submitted")
        request = JobRequest(
            entrypoint=self.entrypoint, env_vars=self.env_vars, num_cpus=self.num_cpus
        )
        self.log.info("submitting Ray job %s: %s", submission_id, request.entrypoint)
        await api.submit(submission_id, request)
        return Job(submission_id, JobStatus.PENDING)

    def _stop_if_ended(self, submission_id: str, claim: Claim) -> None:
        async def stop() -> None:
            async with RayHook(self.ray_conn_id).api() as api:
                outcome = await stop_if_ended(
                    api, self._records(), submission_id, claim, lambda: state_of(claim)
                )
            self.log.info("killed; Ray job %s: %s", submission_id, outcome.value)

        try:
            asyncio.run(stop())
        except Exception:  # whatever it is, of Ray, of Airflow or of the records
            self.log.exception("killed; Ray job %s is left to the reconciler", submission_id)

    def _show(self, submission_id: str) -> None:
        self.job_url = RayHook(self.ray_conn_id).ray_connection().job_url(submission_id)

    def _records(self) -> Ownership:
        return pkgutil.resolve_name(self.ownership)()

    def _deadline_of(self, job: Job) -> str | None:
        if self.deadline is None:
            return None
        now = datetime.now(UTC)
        start = now if job.start_ms is None else datetime.fromtimestamp(job.start_ms / 1000, UTC)
        return (start + self.deadline).isoformat()


def job_failure(event: dict[str, Any]) -> RayError:
    """What Ray's own words for a failure mean, when nobody knows more."""
    text = f"Ray job {event['submission_id']} ended {event['status']}: {event['message']}"
    if event["error_type"] == TOKEN_REFUSED:
        return RayRefusedError(text)
    if event["timed_out"]:
        return RayJobTimedOutError(f"{text} (stopped at its deadline)")
    if is_own_fault(event):
        return RayJobFailedError(f"{text} (exit code {event['exit_code']})")
    return RayJobLostError(f"{text} ({event['error_type'] or 'no error type'})")


def is_own_fault(event: dict[str, Any]) -> bool:
    """Whether the job's own code ended it: by an exit code, not by a signal from outside."""
    return event["error_type"] == OWN_CODE_FAILED and not _was_killed(event["exit_code"])


def _was_killed(exit_code: int | None) -> bool:
    """Whether a signal ended the driver: the platform's doing (memory, a node that went)."""
    return exit_code is not None and (exit_code < 0 or exit_code in _SHELL_SIGNALS)


def _claim_of(context: Context) -> Claim:
    ti = cast("Any", context)["ti"]
    return Claim(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index,
        try_number=ti.try_number,
        try_id=str(ti.id),
    )
