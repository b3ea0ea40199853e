"""What Airflow says of a task instance, asked from a task or from the triggerer."""

from __future__ import annotations

from collections.abc import Callable

from tasks.operators.ownership import Claim

StateOf = Callable[[Claim], str]


def state_of(claim: Claim) -> str:
    """The state of a task instance now: `"none"` if it was cleared, `"removed"` if it is gone.

    Blocks; in the triggerer call it from a thread. Raises what Airflow's supervisor
    raises where the API server does not answer.
    """
    key = claim.task_id if claim.map_index < 0 else f"{claim.task_id}_{claim.map_index}"
    states = states_of_run(
        claim.dag_id,
        claim.run_id,
        task_id=claim.task_id,
        map_index=None if claim.map_index < 0 else claim.map_index,
    )
    if key not in states:
        return "removed"
    return str(states[key] or "none")


def states_of_run(
    dag_id: str, run_id: str, *, task_id: str | None = None, map_index: int | None = None
) -> dict[str, str | None]:
    """The state of each task of a run now (of one of them, where it is named); else as `state_of`.

    A mapped task is there once an index, as `<task id>_<index>`.
    """
    # Only a running task or trigger has a supervisor to ask; at parse time it would be dead weight.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    by_run = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id,
        map_index=map_index,
        task_ids=None if task_id is None else [task_id],
        run_ids=[run_id],
    )
    return dict(by_run.get(run_id, {}))
