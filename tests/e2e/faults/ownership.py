"""The quick faults: a mark, a clear, a killed triggerer, each while the training is deferred."""

from __future__ import annotations

from infra.local.parts import Part
from tests.e2e.faults.scene import RETRAIN, Scene
from tests.e2e.faults.watch import until
from tests.e2e.processes import part_of

# Longer than any row: it ends by being stopped.
LONG = {"epochs": 1000, "image_px": 32, "overrides": {"batch_size": 8}}
# How long a job that was taken over is watched: a late `on_kill` comes within 3 s.
_WATCHED_S = 12.0


def mark_while_deferred(scene: Scene, state: str, seed: int) -> None:
    """The job is stopped at once, and the run ends as the mark says."""
    with scene.watching(f"`train` marked {state} while deferred") as (watch, row):
        dag_run = scene.trigger(watch, seed=seed, **LONG)
        job = scene.job_of(dag_run)
        scene.fault(f"mark {state}")
        scene.mark(dag_run, state)
        row.seconds, row.recovered_when = scene.gone(job), "until the job is gone"
        if state == "failed":
            assert scene.end_of(dag_run, 60) == "failed"
        else:
            # `register` finds no result of a training that was not: one clear reason.
            assert scene.end_of(dag_run, 120) == "failed"
            error = scene.error(dag_run, "register")
            row.seen = f"the run fails at `register`: {error and error.fact}"
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        scene.nothing_is_left([dag_run])
        row.lost = "no"


def clear_while_deferred(scene: Scene, seed: int) -> None:
    """The new try takes the job over: one job, never stopped, until `train` is marked."""
    with scene.watching("`train` cleared while deferred") as (watch, row):
        dag_run = scene.trigger(watch, seed=seed, **LONG)
        job = scene.job_of(dag_run)
        scene.fault("clear")
        scene.clear(dag_run)
        row.seconds, row.recovered_when = taken_over(scene, dag_run, job), "until it waits again"
        scene.mark(dag_run, "failed")
        scene.gone(job)
        row.seen = "try 2 takes the same job over, which runs on"
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        assert scene.end_of(dag_run, 60) == "failed"
        scene.nothing_is_left([dag_run])
        row.lost = "no"


def run_failed_by_hand(scene: Scene, seed: int) -> None:
    """The job is stopped at once, and the run is a failed one."""
    with scene.watching("DAG run failed by hand while `train` is deferred") as (watch, row):
        dag_run = scene.trigger(watch, seed=seed, **LONG)
        job = scene.job_of(dag_run)
        scene.fault("the DAG run is failed by hand")
        scene.airflow.fail_run(RETRAIN, dag_run)
        row.seconds, row.recovered_when = scene.gone(job), "until the job is gone"
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        state = scene.end_of(dag_run, 60)
        row.seen, row.lost = f"the job is stopped; the run ends `{state}`", "no job"
        assert state == "failed"
        scene.nothing_is_left([dag_run])
        row.lost = "no"


def triggerer_killed(scene: Scene, seed: int) -> None:
    """A triggerer that comes back waits for the same job; it is never stopped by its end."""
    with scene.watching("kill -9 of the triggerer; `train` marked failed while it is down") as pair:
        watch, row = pair
        dag_run = scene.trigger(watch, seed=seed, **LONG)
        job = scene.job_of(dag_run)
        scene.fault("kill -9 of the triggerer")
        part_of(scene.stack, Part.TRIGGERER).kill()
        scene.mark(dag_run, "failed")  # its `on_kill` is lost: the run's own sweep makes up for it
        row.seconds, row.recovered_when = scene.gone(job), "until the job is gone"
        assert scene.end_of(dag_run, 60) == "failed"
        row.seen = "`on_kill` is lost with the triggerer; the run's `sweep` stops the job"
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        scene.nothing_is_left([dag_run])
        row.lost = "no"


def clear_while_the_triggerer_is_dead(scene: Scene, seed: int) -> None:
    """The new try takes the job over and waits in the triggerer that comes back."""
    with scene.watching("`train` cleared while the triggerer is down") as (watch, row):
        dag_run = scene.trigger(watch, seed=seed, **LONG)
        job = scene.job_of(dag_run)
        scene.fault("kill -9 of the triggerer")
        part_of(scene.stack, Part.TRIGGERER).kill()
        scene.clear(dag_run)
        row.seconds, row.recovered_when = taken_over(scene, dag_run, job), "until try 2 waits"
        row.seen = "try 2 takes the same job over and waits in the new triggerer"
        scene.mark(dag_run, "failed")
        scene.gone(job)
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        scene.nothing_is_left([dag_run])
        row.lost = "no"


def taken_over(scene: Scene, dag_run: str, job: str, limit_s: float = 90) -> float:
    """Wait until a second try is deferred on the job, and see that it keeps running."""

    def waits_again() -> bool:
        ti = scene.ti(dag_run)
        return ti["try_number"] >= 2 and ti["state"] == "deferred"

    until("try 2 waits for the job", waits_again, limit_s=limit_s)
    took = scene.since_fault()
    end = scene.since_fault() + _WATCHED_S

    def still_running() -> bool:
        assert scene.jobs.states()[job] == "RUNNING"
        return scene.since_fault() > end

    until("a late stop has had its time", still_running, limit_s=60, every_s=0.5)
    return took
