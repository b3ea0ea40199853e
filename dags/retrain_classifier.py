"""Train a candidate, judge it, and promote it only if it is really better.

**Purpose.** Train a candidate on a data set version, judge what would be shipped, and promote it
only if it is really better:
plan -> train -> register -> export -> verify -> evaluate -> gate -> approve -> promote -> report.

**Inputs.** Runs when `ingest_dataset` announces a data set, every Monday at 03:00 UTC, and by
hand with a form. Scheduled and announced runs act on the data set and the recipe of the Variables
`sortline_dataset` and `sortline_recipe`; events of other data sets are logged and ignored, a
Monday without a data set does nothing, and an event that waited trains on the newest version of
now. The Variable `sortline_policy` says what a candidate must reach. With `require_approval`, a
person approves or rejects what the gate would promote.

**Idempotence.** The run id is a hash of data set version, recipe, seed and code version. What was
judged already ends as `unchanged`; a Ray job that is there is taken over, never started twice;
every document is written once. Any task can be cleared at any moment. Where the champion moved
while the run was judged, `gate` or `promote` is skipped with nothing decided, and `compare_again`
runs the same order again: it takes up all but the evaluation, which is made anew.

**Triage.** A verdict `kept` is a success: the champion stays, as after a rejected approval or one
that nobody gave within a day. A red task carries its reason as the XCom `error`: fact,
expectation, remedy. `train` scheduled for long: the pool `ray_training` is full, or it is missing
(`sortline up` makes it). `train` red: its log holds the Ray job's log; clear it and
training goes on from the last checkpoint. `approve` cleared while it asks: Airflow shows the first
question's figures; those of now are in its log.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task

from dags import judging, reconciling, retraining
from dags.approving import AskBeforePromotion
from dags.comparing_again import compare_again
from dags.forms import retrain_form
from dags.links import MLFLOW_RUN, REPORT, with_links
from dags.ray_steps import ray_step
from dags.shared import DATASET, DEFAULT_ARGS, step
from tasks.planning.order import RUN_LIMIT
from tasks.settings import TRAINING_POOL

with DAG(
    dag_id="retrain_classifier",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * 1", timezone="UTC"), assets=[DATASET]
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=RUN_LIMIT,
    tags=["sortline", "training"],
    params=retrain_form(),
):
    plan = task.short_circuit(step(retraining.plan))()
    train = ray_step("train", deadline=timedelta(days=1), budgeted=True, pool=TRAINING_POOL)
    register = with_links(task(step(retraining.register))(), MLFLOW_RUN)
    export = ray_step("export", num_cpus=1)
    verify = ray_step("verify", profile="evaluate", num_cpus=1)
    evaluate = ray_step("evaluate", variant=judging.versus)
    gate = task(step(judging.gate))()
    approve = AskBeforePromotion(task_id="approve")
    promote = task(step(judging.promote))()
    again = compare_again("retrain_classifier")
    report = with_links(task(step(retraining.report))(), REPORT, MLFLOW_RUN)
    sweep = task(task_id="sweep")(step(reconciling.sweep_run))()
    sweep.as_teardown(on_failure_fail_dagrun=True)

    plan >> train >> register >> export >> verify >> evaluate
    evaluate >> gate >> approve >> promote >> report
    promote >> again
    # After the last Ray job, and beside `report`: a run's state is that of both.
    evaluate >> sweep
