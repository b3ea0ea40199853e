"""The roll of a model: every registered version, from the documents in the object store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.evaluation import EvaluationResult, Scores
from ray_jobs.contract.removal import Removal
from ray_jobs.contract.run import RunSpec
from ray_jobs.contract.verdict import Decision, Verdict
from ray_jobs.storage import Listed, MissingObjectError, Store, find_document, read_document


@dataclass(frozen=True)
class Entry:
    """A registered version, and how far its run has come.

    Attributes:
      registration: which run it is of.
      registered: when, in UTC.
      spec: what was trained.
      scores: on the test split, None before it was evaluated.
      decision: the gate's, None before it has spoken.
      is_whole: False where housekeeping has removed its files.
    """

    registration: Registration
    registered: datetime
    spec: RunSpec
    scores: Scores | None
    decision: Decision | None
    is_whole: bool


@dataclass(frozen=True)
class Unreadable:
    """A version that cannot be told of: `error` names the document that cannot be read."""

    version: int
    error: str


def models(store: Store) -> list[str]:
    """The name of every model that has a version or a champion."""
    found = {keys.model_of(key) for key in store.keys(keys.model_prefix())}
    return sorted(filter(None, found))


def read_roll(store: Store, model: str) -> list[Entry | Unreadable]:
    """Every registered version of a model, the newest first; none where there is no such model."""
    listing = store.listed(keys.model_versions(model))
    found = {keys.registered_version(one.key): one for one in listing}
    numbers = sorted(filter(None, found), reverse=True)
    return [_look(store, number, found[number]) for number in numbers]


def versions(store: Store, model: str) -> list[int]:
    """The number of every registered version, the newest first; of their documents none is read."""
    found = (keys.registered_version(key) for key in store.keys(keys.model_versions(model)))
    return sorted((one for one in found if one is not None), reverse=True)


def find_version(store: Store, model: str, version: int) -> Registration:
    """The registration of a version. Raises SpecError, which names those that there are."""
    found = find_document(store, Registration, keys.model_version(model, version))
    if found is None:
        raise _unknown(store, model, version)
    return found


def is_whole(store: Store, run_id: str) -> bool:
    """Whether housekeeping has left the run's files where they were."""
    return find_document(store, Removal, keys.removal(run_id)) is None


def _look(store: Store, version: int, listed: Listed) -> Entry | Unreadable:
    """One version; that its documents are damaged must not hide the others."""
    try:
        return _entry(store, listed.key, listed.modified)
    except (SpecError, MissingObjectError) as error:
        return Unreadable(version, str(error))


def _entry(store: Store, key: str, registered: datetime) -> Entry:
    registration = read_document(store, Registration, key)
    run_id = registration.run_id
    evaluation = find_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json"))
    verdict = find_document(store, Verdict, keys.run(run_id, "verdict.json"))
    return Entry(
        registration=registration,
        registered=registered,
        spec=read_document(store, RunSpec, keys.run(run_id, "spec.json")),
        scores=evaluation.candidate if evaluation else None,
        decision=verdict.decision if verdict else None,
        is_whole=is_whole(store, run_id),
    )


def _unknown(store: Store, model: str, version: int) -> SpecError:
    known = ", ".join(map(str, reversed(versions(store, model))))
    return SpecError(
        f"model '{model}' has no version {version}",
        f"one of: {known or '(none yet)'}",
        "Look at `sortline models`",
    )
