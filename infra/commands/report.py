"""`sortline report`: the report of a run, as a file of this machine."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from itertools import islice
from typing import Any

from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import Store, find_document, read_document
from tasks import roll

_NAMED = 5


def report(
    session: Session, run_id: str | None, *, name: str | None, opened: bool
) -> dict[str, Any]:
    """Fetch the report of a run; the newest judged one of the model where none is named.

    Args:
      session: of the stack, whose object store must be up.
      run_id: the run, or None.
      name: the model, or None for the only one that has a champion.
      opened: also open it in the browser.

    Raises:
      SpecError: there is no such run, or it has no report yet.
    """
    session.point_at_stack()
    store = session.store("serve")
    known = find_registration(store, run_id) if run_id else None
    if known is None:
        known = chosen(list(islice(judged(store, session.model(name, store)), _NAMED)), run_id)
    verdict = read_document(store, Verdict, keys.run(known.run_id, "verdict.json"))
    path = session.keep_report(known.run_id)
    if opened and not webbrowser.open(path.resolve().as_uri()):
        session.screen.say(f"no browser can be opened here; open {path} yourself")
    return {
        "run_id": known.run_id,
        "model": known.model,
        "version": known.model_version,
        "verdict": verdict.decision.value,
        "reasons": list(verdict.reasons),
        "report": str(path),
        "page": known.run_url,
    }


def find_registration(store: Store, run_id: str) -> Registration | None:
    """What was registered of a run that has its report; None where there is no such run."""
    if not store.exists(keys.judged(run_id, "report.html")):
        return None
    return find_document(store, Registration, keys.run(run_id, "registration.json"))


def judged(store: Store, model: str) -> Iterator[Registration]:
    """The versions of a model whose runs have a report, newest first."""
    for version in roll.versions(store, model):
        one = roll.find_version(store, model, version)
        if store.exists(keys.judged(one.run_id, "report.html")):
            yield one


def chosen(newest: list[Registration], run_id: str | None) -> Registration:
    """The newest, where no run is named.

    Args:
      newest: a few judged versions, newest first.
      run_id: a run that is not known, or None.

    Raises:
      SpecError: a run is named, or there is none.
    """
    if not newest:
        raise SpecError(
            f"run '{run_id}' has no report" if run_id else "no run of this data set has a report",
            "a run that was judged",
            "Run `sortline retrain` first, or name the data set with --name",
        )
    if run_id is not None:
        named = ", ".join(one.run_id for one in newest)
        raise SpecError(f"run '{run_id}' has no report", f"one of {named}", "Name one of these")
    return newest[0]
