"""`sortline dataset ls`, `show`, `diff` and `gc`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.commands.ingest import DAG_ID as INGEST
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import ClusterError
from ray_jobs.storage import Store, fetch, read_document
from tasks.dataset import overview
from tasks.dataset.difference import difference
from tasks.dataset.entries import Entry, decode_entries
from tasks.dataset.versions import History, find_version, histories
from tasks.upkeep.collect import collect, would_collect
from tasks.upkeep.garbage import Garbage, Kind


def list_all(session: Session) -> dict[str, Any]:
    """Every data set in a line."""
    session.point_at_stack()
    store = session.store("serve")
    found = (overview.brief(one, list(_manifests(store, one))) for one in histories(store))
    return {"datasets": list(found)}


def show(session: Session, text: str) -> dict[str, Any]:
    """One version in full.

    Raises:
      SpecError: there is none of this name.
    """
    session.point_at_stack()
    store = session.store("serve")
    manifest, history = find_version(store, text)
    return overview.full(manifest, _entries(store, manifest), history)


def diff(session: Session, before: str, after: str) -> dict[str, Any]:
    """What changed from one version to another, of the same data set or of two.

    Raises:
      SpecError: there is none of one of these names.
    """
    session.point_at_stack()
    store = session.store("serve")
    old, _ = find_version(store, before)
    new, _ = find_version(store, after)
    return difference(old, new, _entries(store, old), _entries(store, new))


def gc(session: Session, *, dry_run: bool, older_than: timedelta) -> dict[str, Any]:
    """Remove what no version refers to and is older than that; or only tell what would go.

    It acts as the identity of an ingest, which may write where garbage lies and nowhere else.
    Airflow is asked too: what a long ingest wrote at its beginning may be older than that by now.

    Raises:
      ClusterError: an ingest is under way, or a part is not healthy.
    """
    session.require_up()
    if runs := session.airflow().active_runs(INGEST):
        raise ClusterError(
            f"a run of {INGEST} is active: {runs[0]}",
            "no ingest that may be about to refer to what is removed",
            "Wait until it has ended, or end it in Airflow's UI",
        )
    store, before = session.store("ingest"), datetime.now(UTC) - older_than
    garbage = would_collect(store, before) if dry_run else collect(store, before)
    return {"dry_run": dry_run, "older_than_hours": older_than / timedelta(hours=1)} | _told(
        garbage
    )


def _told(garbage: Garbage) -> dict[str, Any]:
    kinds = {
        kind.value: {
            "count": len(garbage[kind]),
            "size_bytes": sum(one.size_bytes for one in garbage[kind]),
            "keys": [one.key for one in garbage[kind]],
        }
        for kind in Kind
    }
    return {"garbage": kinds}


def _manifests(store: Store, history: History) -> Iterator[DatasetManifest]:
    for one in history.versions:
        key = keys.manifest(history.dataset, one.version)
        yield read_document(store, DatasetManifest, key)


def _entries(store: Store, manifest: DatasetManifest) -> list[Entry]:
    return decode_entries(fetch(store, manifest.entries))
