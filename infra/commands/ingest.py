"""`sortline ingest`: a labelled image source becomes a data set version, through Airflow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.airflow_api import AirflowApi
from infra.follow import follow, triggered
from infra.session import Session
from ray_jobs.contract.dataset import ImageState, Split
from ray_jobs.contract.errors import SpecError
from tasks.ingest.class_map import BUILT_IN, parse_class_map
from tasks.names import dataset_name
from tasks.settings import DATASET_VARIABLE
from tasks.sources.address import Place, parse
from tasks.sources.registry import open_source

DAG_ID = "ingest_dataset"


@dataclass(frozen=True)
class Wanted:
    """What the command line says of an ingest; `class_map` is a file or the name of a map."""

    source: str
    name: str | None = None
    source_format: str = "auto"
    class_map: str | None = None
    keep_test: bool = False
    strict: bool = False

    def conf(self, dataset: str) -> dict[str, Any]:
        """What the DAG is triggered with. Raises SpecError."""
        return {
            "source": absolute(self.source),
            "name": dataset,
            "format": self.source_format,
            "class_map": class_map_text(self.class_map),
            "keep_test": self.keep_test,
            "strict": self.strict,
        }


def absolute(source: str) -> str:
    """A source as another process must name it: a folder by its absolute path.

    >>> absolute("sample:")
    'sample:'

    Raises:
      SpecError: it is no address.
    """
    address = parse(source)
    return address.uri if address.place is Place.LOCAL else source


def class_map_text(given: str | None) -> str | None:
    """A class map as the DAG takes it: the name of one of ours, or what the file holds.

    Raises:
      SpecError: there is no such file, or it holds no class map.
    """
    if given is None or given in BUILT_IN:
        return given
    try:
        text = Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise SpecError(
            f"the class map '{given}' cannot be read: {error}",
            f"a YAML file in UTF-8, or one of: {', '.join(BUILT_IN)}",
            "Correct --class-map",
        ) from error
    parse_class_map(text)
    return text


def check_source(wanted: Wanted) -> str:
    """The data set name; what is wrong with a source is told before anything starts.

    An `s3://` source is looked at by the ingest itself, which has the keys.

    Raises:
      SpecError, DataError: the source, its class map or its name cannot be.
      CredentialError, ClusterError: it is refused, or does not answer.
    """
    class_map_text(wanted.class_map)
    source = open_source(absolute(wanted.source), wanted.source_format, keep_test=wanted.keep_test)
    name = dataset_name(wanted.name or source.dataset_name())
    source.check()
    return name


def ingest(session: Session, wanted: Wanted) -> dict[str, Any]:
    """Ingest a source and follow the run.

    The data set is the one that is named, or that of the settings; where there is none yet, the
    source's own name becomes it.

    Returns:
      The keys of `--json`.
    """
    own_name = check_source(wanted)
    session.require_up()
    api = session.airflow()
    settled = api.variable(DATASET_VARIABLE)
    dataset = own_name if wanted.name or settled is None else settled
    made = run_ingest(session, api, wanted.conf(dataset))
    if settled is None:
        api.set_variable(DATASET_VARIABLE, dataset)
    return made


def run_ingest(session: Session, api: AirflowApi, conf: dict[str, Any]) -> dict[str, Any]:
    """Trigger `ingest_dataset`, follow it, and return what it published."""
    start = time.monotonic()
    with session.screen.settled(), triggered(api, DAG_ID, conf) as run:
        follow(api, run, show=session.screen.show, logs=session.logs)
    published = api.xcom(run.dag_id, run.run_id, "publish")
    inspected = api.xcom(run.dag_id, run.run_id, "inspect")
    return {
        **{key: published[key] for key in ("dataset", "version", "manifest")},
        # Airflow keeps mappings sorted by key: back into the order that people think in.
        "images": {state.value: published["images"][state] for state in ImageState},
        "splits": {split.value: published["splits"][split] for split in Split},
        "classes": published["classes"],
        "checks": inspected["checks"],
        "dag_run": run.run_id,
        "seconds": round(time.monotonic() - start, 1),
    }
