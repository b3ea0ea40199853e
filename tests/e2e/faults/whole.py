"""A whole retraining with a fault in it, held against one without."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tests.e2e.faults.scene import Outcome, Scene
from tests.e2e.faults.watch import Watch

# Small in every direction but the epochs: a kill must find it in the middle.
ORDER = {"epochs": 40, "image_px": 32, "overrides": {"batch_size": 8}, "seed": 0, "force": True}
ONE_EACH = {"train": 1, "export": 1, "verify": 1, "evaluate": 1}
_LIMIT_S = 420


def run_undisturbed(scene: Scene) -> Outcome:
    dag_run = scene.trigger(**ORDER)
    assert scene.end_of(dag_run, _LIMIT_S) == "success"
    return scene.outcome_of(dag_run)


def same_as_undisturbed(
    scene: Scene,
    fault: str,
    disturb: Callable[[str, Watch], str | None],
    *,
    jobs: Mapping[str, int] = ONE_EACH,
    limit_s: float = _LIMIT_S,
) -> None:
    """Order a retraining, disturb it, and demand what an undisturbed one came to.

    Args:
      scene: the stack.
      fault: the row's name.
      disturb: waits for its moment and does the fault; what it returns is what is seen.
      jobs: how many Ray jobs each step starts.
      limit_s: how long the run may take.
    """
    with scene.watching(fault) as (watch, row):
        started = time.monotonic()
        dag_run = scene.trigger(watch, **ORDER)
        told = disturb(dag_run, watch)
        assert scene.end_of(dag_run, limit_s) == "success"
        row.seconds = max(0.0, time.monotonic() - started - scene.undisturbed_s)
        row.recovered_when = "more than undisturbed"
        found = scene.outcome_of(dag_run)
        scene.nothing_is_left([dag_run])
        row.seen = f"{told}; {watch.seen()}" if told else watch.seen()
        if resumed := scene.resumed_from(dag_run):
            row.seen += f"; the training goes on from step {resumed}"
        assert resumed or jobs["train"] == 1, "the second training job began anew"
        assert found == scene.undisturbed
        assert watch.per_step() == jobs
        assert set(watch.most_alive.values()) == {1}
        row.lost = "no: same weights, same verdict"
