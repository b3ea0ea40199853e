"""The steps of `rollback_champion`: read the context, call `tasks`, hand on."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context

from dags.shared import dataset_of, form, settings, task_instance
from ray_jobs.contract.errors import SpecError
from tasks.judging import champion
from tasks.names import dataset_name
from tasks.tracking import registry

log = logging.getLogger(__name__)


def rollback() -> dict[str, Any]:
    """Make an earlier champion the champion again, once a DAG run.

    Who and when are the DAG run's own, which no retry and no clear changes: they find the move that
    was made.
    """
    asked = form()
    model = dataset_name(dataset_of(asked["model"]))
    run = get_current_context()["dag_run"]
    try:
        pointer = champion.rollback(
            settings().store("judge"),
            model,
            asked["version"],
            by=_who(run.run_id, run.triggering_user_name),
            at=run.run_after,
            reason=asked["reason"],
        )
    except champion.LostRaceError as error:
        raise _moved(model) from error
    log.info("version %d is the champion of %s", pointer.model_version, model)
    return {"model": model, "champion": pointer.model_version, "run_id": pointer.run_id}


def repair_alias() -> dict[str, Any]:
    """Point MLflow's alias at the champion of now, whoever moved it last."""
    parts = settings()
    model: str = task_instance().xcom_pull(task_ids="rollback")["model"]
    pointer = champion.read(parts.store("judge"), model).pointer
    if pointer is None:
        raise SpecError(
            f"model '{model}' has no champion any more",
            "the pointer that `rollback` has moved",
            "Look at what removed it, then clear `rollback`",
        )
    registry.set_champion_alias(parts, model, pointer.model_version)
    return {"model": model, "champion": pointer.model_version}


def _who(run_id: str, user: str | None) -> str:
    """The person, where Airflow knows one, and the DAG run that they triggered."""
    run = f"airflow:{run_id}"
    return f"{user} ({run})" if user else run


def _moved(model: str) -> SpecError:
    """Not retried: "the one before" would now be another one than was meant."""
    return SpecError(
        f"the champion of '{model}' moved while it was rolled back",
        "the champion that was there when the run began",
        "Look at `sortline models`, then trigger again and name the version",
    )
