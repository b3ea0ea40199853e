"""Stop the Ray jobs that no task wants any more: all of them, or those of this run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from airflow.sdk import get_current_context

from ray_jobs.contract.errors import ClusterError
from tasks import failures
from tasks.operators.hook import RayHook
from tasks.operators.ownership import Record
from tasks.operators.reconcile import Swept, sweep
from tasks.operators.task_states import state_of
from tasks.ownership import of_settings

log = logging.getLogger(__name__)


def reconcile() -> dict[str, Any]:
    """Sweep after every task that ever waited for a Ray job."""
    return _sweep(lambda _: True)


def sweep_run() -> dict[str, Any]:
    """Sweep after the tasks of this run."""
    ti = get_current_context()["ti"]
    return _sweep(lambda record: (record.owner.dag_id, record.owner.run_id) == _run_of(ti))


def _run_of(ti: Any) -> tuple[str, str]:  # noqa: ANN401 - Airflow's task instance
    return ti.dag_id, ti.run_id


def _sweep(concerns: Callable[[Record], bool]) -> dict[str, Any]:
    with failures.ray_api_errors():
        swept = asyncio.run(_run(concerns))
    for submission_id in swept.stopped:
        log.warning("stopped Ray job %s: its task has ended", submission_id)
    if swept.stuck:
        raise ClusterError(
            f"Ray jobs that do not stop: {', '.join(swept.stuck)}",
            "jobs that end within 20 s of being told to",
            "Look at them on Ray's dashboard; the next run tries again",
        )
    return {"stopped": swept.stopped, "forgotten": swept.forgotten, "kept": swept.kept}


async def _run(concerns: Callable[[Record], bool]) -> Swept:
    async with RayHook().api() as api:
        return await sweep(api, of_settings(), state_of, concerns=concerns)
