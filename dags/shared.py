"""What every DAG of Sortline has in common: defaults, the data set's asset, and `step`."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset, Variable, get_current_context
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from dags.notifying import WebhookNotifier
from ray_jobs.contract.errors import (
    CapacityError,
    ClusterError,
    SortlineError,
    SpecError,
    closest,
    disk_full,
)
from tasks.operators.errors import RayError
from tasks.settings import DATASET_VARIABLE, Settings

P = ParamSpec("P")
R = TypeVar("R")

DATASET = Asset(name="sortline_dataset", uri="sortline://dataset", group="sortline")

# The first rule that matches decides; what is not of our tree is retried as any task is.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(CapacityError, RetryAction.FAIL, reason="the cluster can never give it"),
        RetryRule(ClusterError, RetryAction.RETRY, reason="a part is away; with back-off"),
        RetryRule([SortlineError, RayError], RetryAction.FAIL, reason="would fail again"),
    ]
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "sortline",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(hours=1),
    # After the last try only: what is retried, and a verdict `kept`, pages nobody.
    "on_failure_callback": WebhookNotifier(),
}


def settings() -> Settings:
    """Where the parts are, as this process's environment says."""
    return Settings.from_env(os.environ)


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Make one of our functions a well-mannered task.

    What it raises on purpose is pushed as the XCom `error` for whoever follows the run;
    `RETRY_POLICY` retries it only where another try can help.
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
            raise error from fault

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


def dataset_of(named: str | None) -> str:
    """The data set that is named, or that of the settings. Raises SpecError where neither is."""
    chosen = named or Variable.get(DATASET_VARIABLE, default=None)
    if chosen is None:
        raise SpecError(
            "no data set is named",
            f"one in the form, or in the Variable '{DATASET_VARIABLE}'",
            "Name one in the form, or run `sortline ingest` once",
        )
    return chosen


def is_scheduled() -> bool:
    """Whether the clock started the run, and so nobody asked for it or looks at it."""
    return get_current_context()["dag_run"].run_type == "scheduled"


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


def short_id(text: str) -> str:
    """12 hex digits that stand for a text; the same each time."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
