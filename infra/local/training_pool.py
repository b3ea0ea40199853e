"""Airflow's pool that holds trainings to what the Ray cluster can take at once."""

from __future__ import annotations

import re
from collections.abc import Callable

from infra.airflow_api import AirflowApi, Pool
from ray_jobs.contract.errors import SortlineError
from tasks.planning.capacity import read_cluster, trainings_at_once
from tasks.settings import TRAINING_POOL, Settings

Report = Callable[[str], None]

_MARK = re.compile(r"set to (\d+) by sortline up")


def keep_training_pool(api: AirflowApi, settings: Settings, report: Report) -> None:
    """Make the pool, or follow a cluster that has changed; a number set by hand stays.

    A deferred task of it keeps its slot: a training is deferred for as long as Ray works on it.

    Raises:
      SortlineError: Airflow or Ray does not answer as it should.
    """
    found = api.pool(TRAINING_POOL)
    if found is not None and not is_ours(found):
        return
    wanted = pool_of(trainings_at_once(read_cluster(settings)))
    if wanted == found:
        return
    (api.add_pool if found is None else api.change_pool)(wanted)
    report(f"pool {wanted.name}: trainings at once: {wanted.slots}")


def offer_training_pool(api: AirflowApi, settings: Settings, report: Report) -> None:
    """The same on an Airflow that is the user's: where it lets us not, say what is to be done."""
    try:
        keep_training_pool(api, settings, report)
    except SortlineError as error:
        report(
            f"the pool {TRAINING_POOL} could not be looked after ({error.fact}): make it with "
            f"`airflow pools set {TRAINING_POOL} 1 'trainings at once' --include-deferred`"
        )


def pool_of(slots: int) -> Pool:
    """The pool as we make it; its description tells a later start that the number is ours."""
    return Pool(
        name=TRAINING_POOL,
        slots=slots,
        description=f"Trainings at once on the Ray cluster; set to {slots} by sortline up, "
        "which leaves a number that was changed by hand alone",
        include_deferred=True,
    )


def is_ours(pool: Pool) -> bool:
    """Whether the pool is as a `sortline up` made it.

    >>> is_ours(pool_of(2))
    True
    """
    mark = _MARK.search(pool.description or "")
    return mark is not None and int(mark[1]) == pool.slots and pool.include_deferred
