"""Ingest a labelled image source as a data set version.

**Purpose.** Turn a labelled image source into a versioned, split data set in object storage:
source -> check -> deduplicate -> split -> shards -> manifest. Then announce it to
`retrain_classifier` through the data set's asset.

**Inputs.** `source`: `sample:` (generated), a folder or an archive on this machine, an `s3://`
prefix or archive, or the `http(s)://` address of an archive. `name`: the data set's name; empty
means the source's own. `format`: `auto` or a format's name. `class_map`: YAML (rename, merge,
drop) or a map's name. `keep_test`: keep the source's own test split. `strict`: fail at a class of
fewer than three different pictures, which is set aside with a warning otherwise. An `s3://` source
is read with the Airflow connection `sortline_source`, or else as the identity that ingests.

**Idempotence.** The version is a hash of the content: an unchanged source gives the version that
is there, and writes nothing. Each task can be run again at any moment; the manifest is written
last, so an ingest that died leaves nothing published.

**Triage.** `inspect` failed: the source is not there, is refused, is empty, mixes two formats, or
more than 5% of its files are unreadable; the message says which. `split` failed: too few different
pictures, of all or (`strict`) of one class. `publish` failed: look at the object store (`sortline
status`), then clear the task.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task

from dags import ingesting
from dags.forms import ingest_form
from dags.shared import DATASET, DEFAULT_ARGS, step

with DAG(
    dag_id="ingest_dataset",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=6),
    tags=["sortline", "data"],
    params=ingest_form(),
):
    inspect = task(step(ingesting.inspect))()
    split = task(step(ingesting.split))()
    shards = task(step(ingesting.shards))()
    publish = task(outlets=[DATASET])(step(ingesting.publish))()

    inspect >> split >> shards >> publish
