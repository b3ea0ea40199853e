"""`sortline models` and `sortline rollback`: what is registered, and which one is the champion."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any

from infra.session import Session
from ray_jobs.contract.errors import SortlineError
from tasks import champion, registry


def models(session: Session, *, name: str | None) -> dict[str, Any]:
    """The champion's version (None before the first) and every registered version."""
    session.point_at_stack()
    model = session.dataset(name)
    pointer = champion.read(session.store("serve"), model).pointer
    versions = registry.list_versions(session.settings(), model)
    return {"champion": pointer.model_version if pointer else None, "versions": versions}


def rollback(session: Session, *, name: str | None, version: int | None) -> dict[str, Any]:
    """Make an earlier champion the champion again; an operator's own act, recorded as such.

    It needs the object store alone, so that it works when the rest is down: MLflow's alias is
    repaired now if it can be, else by the next run.

    Raises:
      SpecError: the version never was champion.
      DataError: there is no champion, or none before it.
    """
    session.point_at_stack()
    model = session.dataset(name)
    pointer = champion.rollback(
        session.store("judge"), model, version, by=getpass.getuser(), at=datetime.now(UTC)
    )
    session.screen.say(f"version {pointer.model_version} is the champion of {model}")
    try:
        registry.set_champion_alias(session.settings(), model, pointer.model_version)
        versions = registry.list_versions(session.settings(), model)
    except SortlineError as error:
        session.screen.say(f"MLflow's alias stays behind until the next run: {error}")
        versions = []
    return {"champion": pointer.model_version, "versions": versions}
