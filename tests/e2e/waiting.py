"""Waiting for what a busy machine does late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from infra.airflow_api import ENDED, AirflowApi

Found = TypeVar("Found")

RETRAIN = "retrain_classifier"

# Two cores that train, a stall of Airflow's API (known limits), a page that asks again.
PATIENCE_S = 240.0


def until(
    what: str,
    look: Callable[[], Found | None],
    *,
    limit_s: float = PATIENCE_S,
    every_s: float = 0.25,
) -> Found:
    """What `look` finds at last. Fails after `limit_s`."""
    limit = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < limit, f"{what}: not in {limit_s:.0f} s"
        time.sleep(every_s)
    return found


def until_announced(airflow: AirflowApi, ingest_run: str) -> None:
    """Wait until the retrainings that a new version starts have ended: they come by themselves.

    One that nobody awaits would begin in the middle of the next test.
    """
    started = until(
        "the retraining that a version starts",
        lambda: airflow.runs_started_by("ingest_dataset", ingest_run),
    )
    until("their end", lambda: all(airflow.run_state(RETRAIN, run) in ENDED for run in started))
