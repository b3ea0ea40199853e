"""The steps of `housekeeping`: read the form, call `tasks`, tell what went.

`tasks.upkeep.collect` is imported when it runs: NumPy and pyarrow would take most of the time in
which the DAG processor reads the file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from dags.shared import form, is_scheduled, settings, task_instance
from ray_jobs.storage import Listed
from tasks.planning.order import RUN_LIMIT
from tasks.upkeep import housekeeping
from tasks.upkeep.leftovers import Age

K = TypeVar("K", bound=StrEnum)

log = logging.getLogger(__name__)


def tidy_runs() -> dict[str, Any]:
    """Remove what of the runs may go, as the identity that judges."""
    asked, now = form(), datetime.now(UTC)
    limit = timedelta(days=asked["older_than_days"])
    act = housekeeping.would_tidy if _is_dry() else housekeeping.tidy
    gone = act(
        settings().store("judge"),
        Age(now - limit, now - max(limit, RUN_LIMIT)),
        keep_candidates=asked["keep_candidates"],
        is_training=lambda: _is_under_way("retrain_classifier"),
    )
    return _told(gone)


def tidy_datasets() -> dict[str, Any]:
    """Remove what no version of a data set refers to, as the identity that ingests."""
    from tasks.upkeep.collect import collect, would_collect

    if _is_under_way("ingest_dataset"):
        # It may be about to refer to an old object to which nothing refers yet.
        log.info("an ingest is under way: left to the next run")
        return _told({})
    before = datetime.now(UTC) - timedelta(days=form()["older_than_days"])
    act = would_collect if _is_dry() else collect
    return _told(act(settings().store("ingest"), before))


def _is_dry() -> bool:
    """What a person asked for; nobody looks at a scheduled run before it acts."""
    return form()["dry_run"] and not is_scheduled()


def _is_under_way(dag_id: str) -> bool:
    return task_instance().get_dr_count(dag_id=dag_id, states=["queued", "running"]) > 0


def _told(gone: Mapping[K, list[Listed]]) -> dict[str, Any]:
    kinds = {
        kind.value: {"objects": len(found), "size_bytes": sum(one.size_bytes for one in found)}
        for kind, found in gone.items()
        if found
    }
    dry = _is_dry()
    log.info("%s", "a dry run: nothing is removed" if dry else "removed")
    for kind, count in kinds.items():
        log.info("%-14s %8d objects %16d bytes", kind, count["objects"], count["size_bytes"])
    return {"dry_run": dry, "kinds": kinds}
