"""One ingest as a process of its own, to be killed: `python -m tests.e2e.ingesting ...`."""

from __future__ import annotations

import sys
from pathlib import Path

from ray_jobs.storage import connect
from tasks.ingest import steps
from tasks.ingest.publication import PublishedDataset
from tasks.ingest.steps import Asked

DATASET = "waste"


def ingest_all(store, source: str, ingest_id: str) -> PublishedDataset:
    """The four steps, one after the other."""
    address = {"dataset": DATASET, "ingest_id": ingest_id}
    steps.inspect_source(store, Asked(source), **address)
    steps.assign_splits(store, **address)
    steps.write_shards(store, **address)
    return steps.publish(store, **address)


def main(url: str, credentials: str, bucket: str, source: str, ingest_id: str) -> None:
    """Ingest a folder; say when it begins."""
    store = connect(bucket, endpoint=url, profile="admin", credentials=Path(credentials))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    ingest_all(store, source, ingest_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
