"""Make an earlier champion the champion again.

**Purpose.** Take a model that does badly out of use, from the UI or the API:
rollback -> repair_alias. `sortline rollback` does the same where Airflow is down.

**Inputs.** `model`: empty means the data set of the Variable `sortline_dataset`. `version`: one
that was champion once; empty means the champion before this one. `reason`: kept beside the move.

**Idempotence.** A DAG run moves the champion once, however often its tasks are retried or
cleared: the move carries who triggered the run, its id and its instant. To go back two, trigger
twice. MLflow's alias follows in a task of its own, which sets it to the champion of now.

**Triage.** `rollback` failed: its message lists the versions that were champion. `repair_alias`
failed: the champion has moved already, only MLflow's alias lags behind; once MLflow answers, clear
that task alone. The next retraining sets the alias too.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task

from dags import rolling_back
from dags.forms import rollback_form
from dags.shared import DEFAULT_ARGS, step

with DAG(
    dag_id="rollback_champion",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=4),
    tags=["sortline", "models"],
    params=rollback_form(),
):
    rollback = task(step(rolling_back.rollback))()
    repair_alias = task(step(rolling_back.repair_alias))()

    rollback >> repair_alias
