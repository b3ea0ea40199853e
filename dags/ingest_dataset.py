"""### ingest_dataset

**Purpose.** Turn a labelled image source into a versioned, split data set in object storage:
source -> check -> deduplicate -> split -> shards -> manifest. Then announce it to
`retrain_classifier` through the data set's asset.

**Inputs.** `source`: `sample:` (generated) or a folder of class folders. `name`: the data set's
name; empty means the source's own. `format`: `auto` or a format's name.

**Idempotence.** The version is a hash of the content: an unchanged source gives the version that
is there, and writes nothing. Each task can be run again at any moment; the manifest is written
last, so an ingest that died leaves nothing published.

**Triage.** `inspect` failed: the source is not there, is empty, or more than 5% of its files are
unreadable; the message says which. `publish` failed: look at the object store
(`sortline status`), then clear the task.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from dags.shared import DATASET, DEFAULT_ARGS, announce, form, settings, short_id, step
from tasks import ingest
from tasks.sources.registry import FORMATS


@dag(
    dag_id="ingest_dataset",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=6),
    tags=["sortline", "data"],
    params={
        "source": Param("sample:", type="string", minLength=1, description="Where the photos are"),
        "name": Param("", type="string", description="Data set name; empty: the source's own"),
        "format": Param("auto", type="string", enum=list(FORMATS), description="Source format"),
    },
)
def ingest_dataset() -> None:
    """Wire the four steps."""

    @task
    @step
    def inspect() -> dict[str, Any]:
        """Read and check every image; keep the originals."""
        params = form()
        return ingest.inspect_source(
            settings().store("ingest"),
            source_uri=params["source"],
            source_format=params["format"],
            dataset=ingest.dataset_name_for(params["source"], params["name"]),
            ingest_id=short_id(get_current_context()["run_id"]),
        )

    @task
    @step
    def split(inspected: dict[str, Any]) -> dict[str, Any]:
        """Set duplicates and conflicts aside; give every image its split for good."""
        return ingest.assign_splits(settings().store("ingest"), **_address(inspected))

    @task
    @step
    def shards(assigned: dict[str, Any]) -> dict[str, Any]:
        """Write the TFRecord shards."""
        return ingest.write_shards(settings().store("ingest"), **_address(assigned))

    @task(outlets=[DATASET])
    @step
    def publish(written: dict[str, Any]) -> dict[str, Any]:
        """Write the manifest, then tell whoever waits for the data set."""
        published = ingest.publish(settings().store("ingest"), **_address(written))
        announce(published)
        return published

    publish(shards(split(inspect())))


def _address(answer: dict[str, Any]) -> dict[str, Any]:
    return {"dataset": answer["dataset"], "ingest_id": answer["ingest_id"]}


ingest_dataset()
