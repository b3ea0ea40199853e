"""`sortline ingest`: a labelled image source becomes a data set version, through Airflow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from infra.airflow_api import AirflowApi
from infra.follow import DagRun, follow
from infra.session import DATASET_VARIABLE, Session
from ray_jobs.contract.dataset import ImageState, Split
from tasks.ingest import dataset_name_for
from tasks.sources.registry import open_source

DAG_ID = "ingest_dataset"


def absolute(source: str) -> str:
    """A source as another process must name it: a folder by its absolute path.

    >>> absolute("sample:")
    'sample:'
    """
    return source if ":" in source else str(Path(source).expanduser().resolve())


def check_source(source: str, source_format: str, name: str | None) -> str:
    """The data set name; what is wrong with a source is told before anything starts.

    Raises:
      SpecError, DataError: the source or its name cannot be.
    """
    dataset = dataset_name_for(source, name or "")
    open_source(source, source_format)
    return dataset


def ingest(
    session: Session, *, source: str, name: str | None, source_format: str
) -> dict[str, Any]:
    """Ingest a source and follow the run.

    Returns:
      The keys of `--json`.
    """
    source = absolute(source)
    dataset = check_source(source, source_format, name)
    session.require_up()
    api = session.airflow()
    if api.variable(DATASET_VARIABLE) is None:
        api.set_variable(DATASET_VARIABLE, dataset)
    return run_ingest(session, api, source=source, dataset=dataset, source_format=source_format)


def run_ingest(
    session: Session, api: AirflowApi, *, source: str, dataset: str, source_format: str
) -> dict[str, Any]:
    """Trigger `ingest_dataset`, follow it, and return what it published."""
    start = time.monotonic()
    conf = {"source": source, "name": dataset, "format": source_format}
    run = DagRun(DAG_ID, api.trigger(DAG_ID, conf))
    try:
        follow(api, run, show=session.screen.show, logs=session.logs)
    finally:
        session.screen.settle()
    published = api.xcom(run.dag_id, run.run_id, "publish")
    return {
        **{key: published[key] for key in ("dataset", "version", "manifest")},
        # Airflow keeps mappings sorted by key: back into the order that people think in.
        "images": {state.value: published["images"][state] for state in ImageState},
        "splits": {split.value: published["splits"][split] for split in Split},
        "classes": published["classes"],
        "dag_run": run.run_id,
        "seconds": round(time.monotonic() - start, 1),
    }
