"""Stop the Ray jobs that no task wants any more: all of them, or those of this run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from dags.shared import task_instance
from ray_jobs.contract.errors import ClusterError, CredentialError, UserError
from tasks import failures
from tasks.operators.hook import RayHook
from tasks.operators.ownership import Record
from tasks.operators.reconcile import Swept, sweep
from tasks.operators.task_states import state_of, states_of_run
from tasks.ownership import of_settings

log = logging.getLogger(__name__)


def reconcile() -> dict[str, Any]:
    """Sweep after every task that ever waited for a Ray job."""
    return _sweep(lambda _: True)


def sweep_run() -> dict[str, Any]:
    """Sweep after the tasks of this run, and let a run that was failed by hand end so.

    Airflow takes a run's state from its last tasks. Where a run is failed by hand while a teardown
    is still to come, `report` is skipped and the run would end as a success.

    Raises:
      UserError: the run was failed by hand.
    """
    ti = task_instance()
    run = ti.dag_id, ti.run_id
    try:
        swept = _sweep(lambda record: (record.owner.dag_id, record.owner.run_id) == run)
    except (ClusterError, CredentialError) as error:
        # The run's own end is none the worse for it; `reconcile_ray_jobs` is red until it can.
        log.warning("left to the reconciler: %s", error)
        swept = {}
    if ended_by_hand(states_of_run(*run), nothing_to_do=not ti.xcom_pull(task_ids="plan")):
        raise UserError(
            "the run was ended by hand",
            "a run that goes to its end",
            "Trigger it again: it goes on where it was",
        )
    return swept


def ended_by_hand(states: Mapping[str, str | None], *, nothing_to_do: bool) -> bool:
    """Whether somebody failed the run: its last tasks are skipped, and not because of the plan.

    Where the champion moved, `report` is skipped too, and `compare_again` is not.

    Args:
      states: the state of each task of the run.
      nothing_to_do: whether a plan that succeeded has said so.
    """
    skipped = states["report"] == states["compare_again"] == "skipped"
    return skipped and not (states["plan"] == "success" and nothing_to_do)


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
