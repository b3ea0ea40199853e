"""The Ray jobs of a run as tasks: `ray_step` names one of our entry points."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from dags.shared import settings, step
from tasks import failures
from tasks.operators.operator import RayJobOperator


class RayStep(RayJobOperator):
    """A Ray job whose failure is told as our other tasks tell theirs.

    `profile` is the job's identity for the object store, unless the settings have one for all.
    `variant` gives a name, at run time, to what the job depends on beside its run: the work of
    another variant is another job.
    """

    def __init__(
        self,
        *,
        profile: str,
        variant: Callable[[], str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - those of RayJobOperator
    ) -> None:
        super().__init__(**kwargs)
        self.profile = profile
        self.variant = variant

    @step
    def execute(self, context: Context) -> dict[str, Any]:
        """Find or submit the job, then wait for it deferred."""
        self.env_vars = {"AWS_PROFILE": settings().s3_profile or self.profile}
        if self.variant is not None:
            self.job_name = f"{self.job_name}-{self.variant()}"
        with failures.ray_api_errors():
            return super().execute(context)

    @step
    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the job's id, or raise what its failure means."""
        return super().execute_complete(context, event)


def ray_step(
    name: str,
    *,
    profile: str | None = None,
    num_cpus: float | None = None,
    deadline: timedelta = timedelta(hours=1),
    variant: Callable[[], str] | None = None,
) -> RayStep:
    """One step of a run as a Ray job, with the step's own identity for the object store.

    Args:
      name: the step; its entry point is `ray_jobs.<name>_job`.
      profile: the identity; the step's name where None.
      num_cpus: CPUs of the entry point itself.
      deadline: the longest it may take.
      variant: what the job depends on beside its run (see `RayStep`).
    """
    planned = "ti.xcom_pull(task_ids='plan', key='plan')"
    spec_uri = f"{{{{ {planned}['spec_uri'] }}}}"
    return RayStep(
        task_id=name,
        job_name=f"sortline-{{{{ {planned}['run_id'] }}}}-{name}",
        entrypoint=["python", "-m", f"ray_jobs.{name}_job", "--spec", spec_uri],
        profile=profile or name,
        num_cpus=num_cpus,
        deadline=deadline,
        failure="tasks.failures:of_ray_job",
        variant=variant,
    )
