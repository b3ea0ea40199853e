"""`sortline models` and `sortline rollback`: what is registered, and which one is the champion."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any

from infra.session import Session
from tasks import champion, registry


def models(session: Session, *, name: str | None) -> dict[str, Any]:
    """The champion's version (None before the first) and every registered version."""
    session.require_up()
    model = session.dataset(name)
    pointer, _ = champion.read(session.store("serve"), model)
    versions = registry.list_versions(session.settings(), model)
    return {"champion": pointer.model_version if pointer else None, "versions": versions}


def rollback(session: Session, *, name: str | None, version: int | None) -> dict[str, Any]:
    """Make an earlier champion the champion again; an operator's own act, recorded as such.

    Raises:
      SpecError: there is no such version, or none before the champion.
    """
    session.require_up()
    model = session.dataset(name)
    pointer = champion.rollback(
        session.store("judge"), model, version, by=getpass.getuser(), at=datetime.now(UTC)
    )
    registry.set_champion_alias(session.settings(), model, pointer.model_version)
    return models(session, name=model)
