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
    # Only a running task or trigger has a supervisor to ask; at parse time it would be dead weight.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    by_run = RuntimeTaskInstance.get_task_states(
        dag_id=claim.dag_id,
        map_index=None if claim.map_index < 0 else claim.map_index,
        task_ids=[claim.task_id],
        run_ids=[claim.run_id],
    )
    key = claim.task_id if claim.map_index < 0 else f"{claim.task_id}_{claim.map_index}"
    states = by_run.get(claim.run_id, {})
    if key not in states:
        return "removed"
    return str(states[key] or "none")
