"""Stop the Ray jobs whose task has ended: the net under every kill.

**Purpose.** Marking a task failed or a run failed stops its Ray job at once, unless the triggerer
or the worker was down just then. Each Ray job has an owner, a task, in the object store
(`owners/`); this DAG stops the jobs whose task has ended and drops the records of jobs that are
gone. A job that has no owner there is not ours and is left alone.

**Inputs.** None. It runs every five minutes, and by hand.

**Idempotence.** It stops only what no task waits for; running it at any moment, or twice, is safe.
A job that a newer try of its task has taken over is never stopped.

**Triage.** `reconcile` red: Ray's dashboard or the object store does not answer (`sortline
status`); the next run makes up for it. Its XCom lists what was stopped, forgotten and kept.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from dags import reconciling
from dags.shared import DEFAULT_ARGS, step

with DAG(
    dag_id="reconcile_ray_jobs",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(minutes=15),
    tags=["sortline", "operations"],
):
    task(execution_timeout=timedelta(minutes=5))(step(reconciling.reconcile))()
