"""Remove what nobody needs any more: old checkpoints, superseded files, garbage of data sets.

**Purpose.** Keep the bucket from growing for ever. Two tasks, one an identity. `tidy_runs`: the
versions that ever were champion, and the newest candidates of each model, stay whole. Of other
complete runs that are old enough, the exports, weights, exhibits and predictions go; their
documents stay, and so do verdicts and reports. Checkpoints of complete runs go, as do files that
no document names, and what is left of runs that were given up; where such a run's version is kept,
its checkpoints alone. `tidy_datasets`: what no version of a data set refers to.

**Inputs.** Every Sunday at 04:00 UTC, and by hand with a form: `keep_candidates`,
`older_than_days`, `dry_run`. By hand a dry run is the default; a scheduled run removes.

**Idempotence.** It is decided anew each time, over what lies there; what is gone is no error. A
run that may be under way is never touched: while `retrain_classifier` has an active run, no run
without a card is; while `ingest_dataset` has one, no data set is.

**Triage.** The log and the XCom tell kinds, objects and bytes. `tidy_runs` red: a champion's
pointer, or one of a model's newest registrations, cannot be read, and nothing more goes, for nobody
knows which run it keeps. The XCom `error` names the object: write it anew from
`runs/<run_id>/registration.json`, which says the same, or from a backup. A version whose files are
gone says so in `sortline models`; train it again with `force`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from dags import keeping_house
from dags.forms import housekeeping_form
from dags.shared import DEFAULT_ARGS, step

with DAG(
    dag_id="housekeeping",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 4 * * 0", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=4),
    tags=["sortline", "operations"],
    params=housekeeping_form(),
):
    task(step(keeping_house.tidy_runs))()
    task(step(keeping_house.tidy_datasets))()
