"""What a task of `retrain_classifier` finds of those before it."""

from __future__ import annotations

from typing import Any

from dags.shared import task_instance
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.storage import Store, read_document


def planned(key: str) -> str:
    """A value of the plan: `run_id`, `model`, `version`, ..."""
    return task_instance().xcom_pull(task_ids="plan", key="plan")[key]


def result_of(task_id: str) -> dict[str, Any]:
    """What a task returned."""
    return task_instance().xcom_pull(task_ids=task_id)


def registration(store: Store) -> Registration:
    """What the candidate was registered as. Raises MissingObjectError."""
    return read_document(store, Registration, keys.run(planned("run_id"), "registration.json"))
