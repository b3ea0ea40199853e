"""`sortline ingest`: a labelled image source becomes a data set version, through Airflow."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from infra.airflow_api import AirflowApi
from infra.follow import follow, triggered
from infra.session import Session
from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.contract.errors import SpecError
from tasks.ingest import dataset_name_for
from tasks.settings import DATASET_VARIABLE
from tasks.sources.registry import open_source

DAG_ID = "ingest_dataset"


def absolute(source: str) -> str:
    """A source as another process must name it: a folder by its absolute path.

    >>> absolute("sample:")
    'sample:'

    Raises:
      SpecError: no path can be made of it.
    """
    if re.match(r"[a-z][a-z0-9+]+:", source) and not Path(source).exists():
        return source
    try:
        return str(Path(source).expanduser().resolve())
    except (RuntimeError, OSError) as error:
        raise SpecError(
            f"'{source}' is no path: {error}", "a folder or an address", "Correct --source"
        ) from error


def check_source(source: str, source_format: str, name: str | None) -> str:
    """The data set name; what is wrong with a source is told before anything starts.

    Raises:
      SpecError, DataError: the source or its name cannot be.
    """
    dataset = dataset_name_for(source, name or "", source_format)
    open_source(source, source_format)
    return dataset


def ingest(
    session: Session, *, source: str, name: str | None, source_format: str
) -> dict[str, Any]:
    """Ingest a source and follow the run.

    The data set is `name`, or that of the settings; where there is none yet, the source's own
    name becomes it.

    Returns:
      The keys of `--json`.
    """
    source = absolute(source)
    own_name = check_source(source, source_format, name)
    session.require_up()
    api = session.airflow()
    settled = api.variable(DATASET_VARIABLE)
    dataset = own_name if name or settled is None else settled
    made = run_ingest(session, api, source=source, dataset=dataset, source_format=source_format)
    if settled is None:
        api.set_variable(DATASET_VARIABLE, dataset)
    return made


def run_ingest(
    session: Session, api: AirflowApi, *, source: str, dataset: str, source_format: str
) -> dict[str, Any]:
    """Trigger `ingest_dataset`, follow it, and return what it published."""
    start = time.monotonic()
    conf = {"source": source, "name": dataset, "format": source_format}
    with session.screen.settled(), triggered(api, DAG_ID, conf) as run:
        follow(api, run, show=session.screen.show, logs=session.logs)
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
