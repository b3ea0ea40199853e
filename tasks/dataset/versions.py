"""The versions of the data sets that lie in the store, and one of them by what a user types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, LatestVersion
from ray_jobs.contract.errors import SpecError, closest
from ray_jobs.storage import Store, find_document, read_document


class Published(NamedTuple):
    """A version, and when its manifest was written."""

    version: str
    at: datetime


class History(NamedTuple):
    """The versions of a data set in the order in which they were published; one is the newest."""

    dataset: str
    versions: Sequence[Published]
    newest: str


def histories(store: Store) -> list[History]:
    """Every data set of which a version was published, by name."""
    found: defaultdict[str, list[Published]] = defaultdict(list)
    for one in store.listed(keys.dataset_prefix()):
        if version := keys.manifest_of(one.key):
            found[version.dataset].append(Published(version.version, one.modified))
    return [_history(store, dataset, versions) for dataset, versions in sorted(found.items())]


def find_version(store: Store, text: str) -> tuple[DatasetManifest, History]:
    """The version that `NAME` (the newest) or `NAME@VERSION` (its first digits do) names.

    Raises:
      SpecError: there is none, or several begin so; names the closest.
    """
    name, _, wanted = text.partition("@")
    known = {history.dataset: history for history in histories(store)}
    if name not in known:
        raise SpecError(f"there is no data set '{name}'"[:200], *_instead(name, known))
    history = known[name]
    version = _only(name, wanted, history) if wanted else history.newest
    return read_document(store, DatasetManifest, keys.manifest(name, version)), history


def _history(store: Store, dataset: str, versions: Sequence[Published]) -> History:
    """The pointer moves with each ingest, also back to an old version: a date does not tell."""
    versions = sorted(versions, key=lambda one: (one.at, one.version))
    latest = find_document(store, LatestVersion, keys.latest(dataset))
    return History(dataset, versions, latest.version if latest else versions[-1].version)


def _only(name: str, wanted: str, history: History) -> str:
    versions = [one.version for one in history.versions]
    begin_so = [version for version in versions if version.startswith(wanted)]
    if len(begin_so) > 1:
        raise SpecError(
            f"{len(begin_so)} versions of '{name}' begin with '{wanted}'",
            "digits with which one version alone begins",
            f"One of: {', '.join(sorted(begin_so))}",
        )
    if not begin_so:
        raise SpecError(
            f"'{name}' has no version '{wanted}'"[:200],
            "a published version, or its first digits",
            closest(wanted, versions),
        )
    return begin_so[0]


def _instead(name: str, known: Mapping[str, History]) -> tuple[str, str]:
    if not known:
        return "one that was ingested", "Run `sortline ingest --source SOURCE` first"
    return "NAME or NAME@VERSION of one that was ingested", closest(name, known)
