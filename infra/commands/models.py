"""`sortline models`, `promote` and `rollback`: what is registered, and which is the champion.

All three need the object store alone, so that they work when the rest is down; without a name they
take the only model that has a champion. What moves the champion repairs MLflow's alias if it can;
else the next run does.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from infra.session import Session
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.errors import SortlineError, SpecError
from ray_jobs.storage import Store
from tasks.judging import champion
from tasks.judging.appointment import appoint
from tasks.judging.roll import Entry, Unreadable, read_roll
from tasks.tracking import registry


def models(session: Session, *, name: str | None) -> dict[str, Any]:
    """The champion (None before the first), who made it that, and every registered version."""
    session.point_at_stack()
    store = session.store("serve")
    return _known(store, session.model(name, store))


def promote(session: Session, *, name: str | None, version: int, reason: str) -> dict[str, Any]:
    """Make a version the champion whatever the gate said; an operator's own act, recorded as such.

    Raises:
      SpecError: there is no such version, or the champion moved meanwhile.
      DataError: it cannot be used.
    """
    session.point_at_stack()
    store = session.store("judge")
    model = session.model(name, store)
    with _lost_race_told(model):
        made = appoint(store, model, version, by=_person(), at=datetime.now(UTC), reason=reason)
    said = "is now" if made.moved else "was already"
    session.screen.say(f"version {version} {said} the champion of {model}")
    if made.verdict is None:
        session.screen.say("the gate has not judged it")
    else:
        reasons = "; ".join(made.verdict.reasons)
        session.screen.say(f"the gate's verdict on it was '{made.verdict.decision}': {reasons}")
    _repair_alias(session, made.pointer)
    verdict = made.verdict.decision.value if made.verdict else None
    return {"moved": made.moved, "verdict": verdict} | _known(store, model)


def rollback(
    session: Session, *, name: str | None, version: int | None, reason: str | None = None
) -> dict[str, Any]:
    """Make an earlier champion the champion again; an operator's own act, recorded as such.

    Raises:
      SpecError: the version never was champion, or the champion moved meanwhile.
      DataError: there is no champion, or none before it, or its files are gone.
    """
    session.point_at_stack()
    store = session.store("judge")
    model = session.model(name, store)
    at = datetime.now(UTC)
    with _lost_race_told(model):
        pointer = champion.rollback(store, model, version, by=_person(), at=at, reason=reason)
    moved = pointer.history[-1].at == at.isoformat()
    said = "is now" if moved else "was already"
    session.screen.say(f"version {pointer.model_version} {said} the champion of {model}")
    _repair_alias(session, pointer)
    return {"moved": moved} | _known(store, model)


@contextmanager
def _lost_race_told(model: str) -> Generator[None]:
    """In an operator's words; "the one before" would now be another one than was meant."""
    try:
        yield
    except champion.LostRaceError as error:
        raise SpecError(
            f"the champion of '{model}' moved while this command ran, and not by it",
            "the champion that was there when it began",
            f"Look at `sortline models --name {model}` first, then name the version that you want",
        ) from error


def _person() -> str:
    """Whoever runs the command; the user of a container may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"


def _repair_alias(session: Session, pointer: ChampionPointer) -> None:
    try:
        registry.set_champion_alias(session.settings(), pointer.model, pointer.model_version)
    except SortlineError as error:
        session.screen.say(f"MLflow's alias stays behind until the next run: {error}")


def _known(store: Store, model: str) -> dict[str, Any]:
    pointer = champion.read(store, model).pointer
    made = pointer.history[-1] if pointer else None
    return {
        "model": model,
        "champion": made.model_version if made else None,
        "by": made.by if made else None,
        "act": made.act.value if made else None,
        "since": made.at if made else None,
        "reason": made.reason if made else None,
        "versions": [_row(one) for one in read_roll(store, model)],
    }


def _row(entry: Entry | Unreadable) -> dict[str, Any]:
    if isinstance(entry, Unreadable):
        return {"version": entry.version, "error": entry.error}
    scores = entry.scores
    return {
        "version": entry.registration.model_version,
        "run_id": entry.registration.run_id,
        "recipe": entry.spec.recipe.name,
        "dataset_version": entry.spec.manifest.version,
        "code_version": entry.spec.code_version,
        "test_accuracy": scores.accuracy.value if scores else None,
        "verdict": entry.decision.value if entry.decision else None,
        "created": entry.registered.isoformat(timespec="seconds"),
        "files": "kept" if entry.is_whole else "removed",
        "url": entry.registration.url,
    }
