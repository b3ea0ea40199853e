"""What every DAG of Sortline has in common: defaults, the data set's asset, and `step`."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset, Context, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from ray_jobs.contract.errors import SortlineError, SpecError, closest, disk_full
from tasks import failures
from tasks.operators.operator import RayJobOperator
from tasks.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

DATASET = Asset(name="sortline_dataset", uri="sortline://dataset", group="sortline")

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "sortline",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(hours=1),
}


def settings() -> Settings:
    """Where the parts are, as this process's environment says."""
    return Settings.from_env(os.environ)


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make one of our functions a well-mannered task.

    What it raises on purpose is pushed as the XCom `error` for whoever follows the run, and is
    retried only where another try can help.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (SortlineError, OSError) as fault:
            error = fault if isinstance(fault, SortlineError) else disk_full(fault)
            if error is None:
                raise
            task_instance().xcom_push("error", error.to_wire())
            if error.retryable:
                raise error from fault
            raise AirflowFailException(str(error)) from fault

    return guarded


def form() -> dict[str, Any]:
    """What the run was triggered with; unknown keys, which Airflow lets pass, are refused."""
    context = get_current_context()
    params = dict(context["params"])
    known = set(context["dag"].params)
    for key in context["dag_run"].conf or {}:
        if key not in known:
            raise SpecError(
                f"'{key}' is not a parameter of {context['dag'].dag_id}",
                "known parameters only",
                closest(key, known),
            )
    return params


def task_instance() -> Any:  # noqa: ANN401 - Airflow's protocol lacks the arguments of its methods
    """The task instance that runs."""
    return get_current_context()["ti"]


def announce(published: Mapping[str, Any]) -> None:
    """Put the manifest's address into the data set's asset event of this task."""
    event = get_current_context()["outlet_events"][DATASET]
    event.extra = {key: published[key] for key in ("dataset", "version", "manifest")}


def announced() -> list[dict[str, Any]] | None:
    """What the data set's queued events say, oldest first; None where there is none."""
    events = get_current_context()["triggering_asset_events"].get(DATASET, [])
    oldest_first = sorted(events, key=lambda event: event.timestamp)
    return [dict(event.extra) for event in oldest_first] or None


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


def short_id(text: str) -> str:
    """12 hex digits that stand for a text; the same each time."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
