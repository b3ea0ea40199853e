"""The steps of `ingest_dataset`: read the context, call `tasks.ingest.steps`, hand on.

Each imports `tasks.ingest.steps` when it runs: Pillow, NumPy and pyarrow would take most of the
time in which the DAG processor reads the file.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context

from dags.buckets import bucket
from dags.shared import announce, form, settings, short_id, task_instance
from ray_jobs.storage import Store


def inspect() -> dict[str, Any]:
    """Read and check every image; keep the originals."""
    from tasks.ingest import steps

    params = form()
    asked = steps.Asked(
        uri=params["source"],
        format=params["format"],
        class_map=params["class_map"] or "",
        keep_test=params["keep_test"],
    )
    return steps.inspect_source(
        _store(),
        asked,
        dataset=steps.dataset_name_for(asked.uri, params["name"] or "", asked.format),
        ingest_id=short_id(get_current_context()["run_id"]),
        buckets=bucket,
    )


def split() -> dict[str, Any]:
    """Set duplicates and conflicts aside; give every image its split, for good."""
    from tasks.ingest import steps

    dataset, ingest_id = _address()
    strict = form()["strict"]
    return steps.assign_splits(_store(), dataset=dataset, ingest_id=ingest_id, strict=strict)


def shards() -> dict[str, Any]:
    """Write the TFRecord shards."""
    from tasks.ingest import steps

    dataset, ingest_id = _address()
    return steps.write_shards(_store(), dataset=dataset, ingest_id=ingest_id)


def publish() -> dict[str, Any]:
    """Write the manifest, then tell whoever waits for the data set."""
    from tasks.ingest import steps

    dataset, ingest_id = _address()
    published = dict(steps.publish(_store(), dataset=dataset, ingest_id=ingest_id))
    announce(published)
    return published


def _store() -> Store:
    return settings().store("ingest")


def _address() -> tuple[str, str]:
    inspected = task_instance().xcom_pull(task_ids="inspect")
    return inspected["dataset"], inspected["ingest_id"]
