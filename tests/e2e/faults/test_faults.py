"""The table of faults: whole retrainings on the real stack, each with one fault in it."""

from __future__ import annotations

import time

import psutil
import pytest

from infra.local.parts import Part
from ray_jobs.contract.errors import CredentialError
from tests.e2e.faults import ownership
from tests.e2e.faults.proxy import Proxy, Way
from tests.e2e.faults.scene import Scene, lead_through
from tests.e2e.faults.watch import Watch, until
from tests.e2e.faults.whole import ONE_EACH, ORDER, same_as_undisturbed
from tests.e2e.processes import (
    driver_of,
    executor_worker,
    kill_everything,
    part_of,
    task_process,
)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900, func_only=True),
    pytest.mark.filterwarnings("ignore"),
]

CUT_S = 180
TWICE = ONE_EACH | {"train": 2}
# Soon over: what is asked is how often it starts.
SHORT = ORDER | {"epochs": 4, "force": False}


def kill_task(scene: Scene, dag_run: str, task_id: str = "train") -> None:
    until("the task instance", lambda: scene.ti(dag_run, task_id), limit_s=30)
    ti_id = scene.ti(dag_run, task_id)["id"]
    found = until(
        "its process", lambda: task_process(scene.stack, ti_id), limit_s=180, every_s=0.02
    )
    scene.fault(f"kill -9 of the process of {task_id}")
    found.kill()


def kill_part(scene: Scene, part: Part) -> None:
    scene.fault(f"kill -9 of {part}")
    part_of(scene.stack, part).kill()


# What Airflow must live through.


def test_a_task_killed_before_it_defers(scene: Scene):
    same_as_undisturbed(
        scene,
        "kill -9 of the task process of `train`, before it is deferred",
        lambda dag_run, _: kill_task(scene, dag_run),
    )


def test_a_task_killed_after_its_deferral(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.at(dag_run, "train", "deferred")
        kill_task(scene, dag_run)

    fault = "kill -9 of the task process of `train` that resumes after its deferral"
    same_as_undisturbed(scene, fault, disturb)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Part.SCHEDULER, "scheduler"),
        (Part.TRIGGERER, "triggerer"),
        (Part.API_SERVER, "API server"),
    ],
)
def test_a_part_of_airflow_killed_while_a_job_is_waited_for(scene: Scene, part: Part, name: str):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.trained_to(dag_run, 2)
        kill_part(scene, part)

    same_as_undisturbed(scene, f"kill -9 of the {name}, `train` deferred", disturb)


# What Ray and the stores must live through.


def test_a_driver_killed_goes_on_from_its_checkpoint(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.trained_to(dag_run, 5)
        driver = until("the driver", lambda: driver_of(scene.stack, "train"), limit_s=10)
        scene.fault("kill -9 of the driver")
        driver.kill()

    same_as_undisturbed(scene, "kill -9 of the training's driver", disturb, jobs=TWICE)


def test_a_lost_head_goes_on_from_the_checkpoint(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.trained_to(dag_run, 5)
        kill_part(scene, Part.RAY)

    same_as_undisturbed(scene, "kill -9 of the Ray head in mid-training", disturb, jobs=TWICE)


def test_mlflow_killed_as_a_model_is_registered(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.at(dag_run, "register", "running")
        kill_part(scene, Part.MLFLOW)

    same_as_undisturbed(scene, "kill -9 of MLflow, `register` running", disturb)


def test_the_object_store_killed_in_mid_training(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.trained_to(dag_run, 5)
        kill_part(scene, Part.SEAWEEDFS)

    same_as_undisturbed(scene, "kill -9 of the object store in mid-training", disturb)


def test_everything_killed_and_up_again(scene: Scene, proxy: Proxy):
    def disturb(dag_run: str, _: Watch) -> str:
        scene.trained_to(dag_run, 5)
        killed = kill_everything(scene.stack)
        scene.fault(f"kill -9 of all {killed} processes")
        scene.stack.up(lambda _: None)
        lead_through(scene.stack, proxy.url)
        return f"all {killed} processes; `sortline up` takes {scene.since_fault():.0f} s"

    same_as_undisturbed(
        scene, "kill -9 of all of it in mid-training, `sortline up`", disturb, jobs=TWICE
    )


def test_a_token_revoked_fails_with_one_reason(scene: Scene, proxy: Proxy):
    with scene.watching("Ray refuses the token in mid-run") as (watch, row):
        dag_run = scene.trigger(watch, seed=21, **ownership.LONG)
        job = scene.job_of(dag_run)
        scene.fault("every request is answered 401")
        proxy.turn(Way.REFUSING)
        try:
            assert scene.end_of(dag_run, 120) == "failed"
            took = scene.since_fault()
            error = scene.error(dag_run)
        finally:
            proxy.turn(Way.OPEN)
        assert isinstance(error, CredentialError)
        assert scene.ti(dag_run)["try_number"] == 1
        row.seen = f"`train` fails: {error.fact}"
        assert scene.jobs.states()[job] == "RUNNING"
        assert job in scene.reconcile()["stopped"]
        row.seen += "; with the token good again the reconciler stops the job"
        row.seconds, row.recovered_when = took, "until the run has failed"
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        scene.nothing_is_left([dag_run])
        row.lost = "no: one clear reason"


# Ownership.


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_mark_while_deferred_stops_the_job(scene: Scene, state: str):
    ownership.mark_while_deferred(scene, state, seed=31 + len(state))


def test_a_clear_while_deferred_keeps_the_job(scene: Scene):
    ownership.clear_while_deferred(scene, seed=33)


def test_a_run_failed_by_hand_stops_the_job_and_is_failed(scene: Scene):
    ownership.run_failed_by_hand(scene, seed=37)


def test_a_mark_while_the_triggerer_is_dead_stops_the_job(scene: Scene):
    ownership.triggerer_killed(scene, seed=34)


def test_a_clear_while_the_triggerer_is_dead_keeps_the_job(scene: Scene):
    ownership.clear_while_the_triggerer_is_dead(scene, seed=35)


def test_a_deadline_passed_stops_the_job(scene: Scene):
    with scene.watching("own deadline (`budget_minutes` 1) passed") as (watch, row):
        dag_run = scene.trigger(watch, seed=36, budget_minutes=1, **ownership.LONG)
        job = scene.job_of(dag_run)
        job_start = next(
            one["start_time"] for one in scene.jobs.all() if one["submission_id"] == job
        )
        assert scene.end_of(dag_run, 120) == "failed"
        ended = next(one["end_time"] for one in scene.jobs.all() if one["submission_id"] == job)
        late = (ended - job_start) / 1000 - 60
        row.seconds, row.recovered_when = late, "after the deadline the job is gone"
        row.seen = f"`train` fails: {scene.error(dag_run).fact}"
        assert 0 <= late < 15
        assert scene.ti(dag_run)["try_number"] == 1
        assert (watch.per_step(), set(watch.most_alive.values())) == ({"train": 1}, {1})
        scene.nothing_is_left([dag_run])
        row.lost = "no: one clear reason"


# What takes longest comes last: a table that is cut short lacks few rows.


def test_two_runs_at_once_take_turns(scene: Scene):
    with scene.watching("two runs at once (two seeds)") as (watch, row):
        runs = [scene.trigger(watch, **SHORT | {"seed": seed}) for seed in (51, 52)]
        scene.fault("two orders within a second")
        assert [scene.end_of(run, 420) for run in runs] == ["success", "success"]
        row.seconds, row.recovered_when = scene.since_fault(), "until both have ended"
        assert len({scene.planned(run)["run_id"] for run in runs}) == 2
        assert watch.per_step() == {step: 2 for step in ONE_EACH}
        assert set(watch.most_alive.values()) == {1}
        row.seen = "the second one waits `queued` until the first has ended"
        scene.nothing_is_left(runs)
        row.lost = "no"


def test_a_way_to_ray_cut_for_three_minutes(scene: Scene, proxy: Proxy):
    def disturb(dag_run: str, _: Watch) -> str:
        scene.trained_to(dag_run, 2)
        scene.fault(f"the way to Ray is cut for {CUT_S} s")
        proxy.turn(Way.CUT)
        try:
            time.sleep(CUT_S)  # the fault itself
            state = scene.state(dag_run)
        finally:
            proxy.turn(Way.OPEN)
        scene.table.say("the way is open again")
        assert state == "deferred"
        return "`train` waits deferred; its log says that Ray does not answer"

    same_as_undisturbed(scene, f"the way to Ray cut for {CUT_S} s (TCP proxy)", disturb)


def test_a_worker_killed_with_a_task_in_hand(scene: Scene):
    def disturb(dag_run: str, _: Watch) -> None:
        scene.at(dag_run, "train", "deferred")
        ti_id = scene.ti(dag_run, "register")["id"]
        worker: psutil.Process = until(
            "the worker",
            lambda: executor_worker(scene.stack, ti_id),
            limit_s=180,
            every_s=0.02,
        )
        until("it runs", lambda: scene.state(dag_run, "register") == "running", limit_s=30)
        scene.fault("kill -9 of the LocalExecutor's worker with `register` in hand")
        worker.kill()

    same_as_undisturbed(scene, "kill -9 of the LocalExecutor worker that runs `register`", disturb)


def test_twenty_orders_in_a_minute_train_once(scene: Scene):
    with scene.watching("the same DAG triggered 20 times in a minute") as (watch, row):
        scene.fault("20 orders")
        conf = SHORT | {"seed": 53}
        runs = [scene.trigger(None if number else watch, **conf) for number in range(20)]
        assert scene.since_fault() < 60
        assert {scene.end_of(run, 600) for run in runs} == {"success"}
        row.seconds, row.recovered_when = scene.since_fault(), "until all have ended"
        unchanged = [scene.planned(run)["unchanged"] for run in runs]
        assert (unchanged.count(False), unchanged.count(True)) == (1, 19)
        assert watch.per_step() == ONE_EACH
        row.seen = "19 wait `queued`, then end as `unchanged`"
        scene.nothing_is_left(runs)
        row.lost = "no: one training"
