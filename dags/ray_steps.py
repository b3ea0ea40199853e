"""The Ray jobs of a run as tasks: `ray_step` names one of our entry points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from dags.shared import RETRY_POLICY, settings, step, task_instance
from ray_jobs.contract.errors import SortlineError
from tasks import failures, results
from tasks.operators.jobs_api import Job, JobStatus
from tasks.operators.operator import RayJobOperator

# 10 s, doubled each time, at most 2 minutes: a Ray head that is away for 6 minutes is waited for.
_PATIENCE: dict[str, Any] = {"retries": 6, "max_retry_delay": timedelta(minutes=2)}


class RayStep(RayJobOperator):
    """A Ray job whose failure is told as our other tasks tell theirs.

    Args:
      step_name: the step; its entry point is `ray_jobs.<step_name>_job`.
      profile: the job's identity for the object store, unless the settings have one for all.
      variant: gives a name, at run time, to what the job depends on beside its run: the work of
        another variant is another job.
      budgeted: whether the run's `budget_minutes` is this job's deadline.
    """

    def __init__(
        self,
        *,
        step_name: str,
        profile: str,
        variant: Callable[[], str] | None = None,
        budgeted: bool = False,
        **kwargs: Any,  # noqa: ANN401 - those of RayJobOperator
    ) -> None:
        super().__init__(**kwargs)
        self.step_name = step_name
        self.profile = profile
        self.variant = variant
        self.budgeted = budgeted

    @step
    def execute(self, context: Context) -> dict[str, Any]:
        """Find or submit the job, then wait for it deferred."""
        self.env_vars = {"AWS_PROFILE": settings().s3_profile or self.profile}
        if self.variant is not None:
            self.job_name = f"{self.job_name}-{self.variant()}"
        if self.budgeted and (minutes := _planned("budget_minutes")) is not None:
            self.deadline = timedelta(minutes=minutes)
        with failures.ray_api_errors():
            return super().execute(context)

    @step
    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the job's id and figures, or raise what its failure means."""
        return super().execute_complete(context, event)

    def is_lost(self, job: Job) -> bool:
        """Also a job whose document is gone: housekeeping removes those of runs given up."""
        return super().is_lost(job) or (
            job.status is JobStatus.SUCCEEDED
            and not results.is_there(settings().store("judge"), _planned("run_id"), self.step_name)
        )

    def failure_of(self, event: dict[str, Any]) -> SortlineError:
        """What a job that did not succeed means, in our own tree of errors."""
        return failures.of_ray_job(event, self.step_name)

    def result_of(self, submission_id: str) -> dict[str, Any]:
        """The step's figures, from the document that it wrote."""
        return results.of_step(settings().store("judge"), _planned("run_id"), self.step_name)


def ray_step(  # noqa: PLR0913 - what a step may differ in
    name: str,
    *,
    profile: str | None = None,
    num_cpus: float | None = None,
    deadline: timedelta = timedelta(hours=1),
    variant: Callable[[], str] | None = None,
    budgeted: bool = False,
    pool: str | None = None,
) -> RayStep:
    """One step of a run as a Ray job, with the step's own identity for the object store.

    Args:
      name: the step; its entry point is `ray_jobs.<name>_job`.
      profile: the identity; the step's name where None.
      num_cpus: CPUs of the entry point itself.
      deadline: the longest it may take.
      variant: what the job depends on beside its run (see `RayStep`).
      budgeted: whether the run's budget, where it has one, takes the deadline's place.
      pool: the Airflow pool whose slot the step takes; the default one where None.
    """
    planned = "ti.xcom_pull(task_ids='plan', key='plan')"
    spec_uri = f"{{{{ {planned}['spec_uri'] }}}}"
    return RayStep(
        task_id=name,
        step_name=name,
        job_name=f"sortline-{{{{ {planned}['run_id'] }}}}-{name}",
        entrypoint=["python", "-m", f"ray_jobs.{name}_job", "--spec", spec_uri],
        profile=profile or name,
        num_cpus=num_cpus,
        deadline=deadline,
        variant=variant,
        budgeted=budgeted,
        ownership="tasks.ownership:of_settings",
        retry_policy=RETRY_POLICY,
        **_PATIENCE,
        **({"pool": pool} if pool else {}),
    )


def _planned(key: str) -> Any:  # noqa: ANN401 - a value of the plan
    return task_instance().xcom_pull(task_ids="plan", key="plan").get(key)
