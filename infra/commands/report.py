"""`sortline report`: the report of a run, as a file of this machine."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.evaluation import EvaluationResult
from ray_jobs.contract.verdict import Verdict
from ray_jobs.storage import Store, find_document, read_document
from tasks.judging import champion, roll

Tell = Callable[[str], None]

_NAMED = 5


def report(
    session: Session, run_id: str | None, *, name: str | None, opened: bool
) -> dict[str, Any]:
    """Fetch the report of a run, and say which version is the champion now.

    The newest judged run of the model is taken where none is named.

    Args:
      session: of the stack, whose object store must be up.
      run_id: the run, or None.
      name: the model, or None for the run's, or the only one that has a champion.
      opened: also open it in the browser.

    Raises:
      SpecError: there is no such run, it has no report, or it is another model's.
    """
    session.point_at_stack()
    store = session.store("serve")
    if run_id is None:
        known = newest_judged(store, session.model(name, store), tell=session.screen.say)
    else:
        known = find_judged(store, run_id, of=name, tell=session.screen.say)
    verdict = read_document(store, Verdict, keys.run(known.run_id, "verdict.json"))
    path = session.keep_report(known.run_id)
    pointer = champion.read(store, known.model).pointer
    if opened and not webbrowser.open(path.resolve().as_uri()):
        session.screen.say(f"no browser can be opened here; open {path} yourself")
    return {
        "run_id": known.run_id,
        "model": known.model,
        "version": known.model_version,
        "verdict": verdict.decision.value,
        "reasons": list(verdict.reasons),
        "champion": pointer.model_version if pointer else None,
        "report": str(path),
        "page": known.run_url,
    }


def newest_judged(store: Store, model: str, *, tell: Tell) -> Registration:
    """The newest version of a model whose run has a report; `tell` as `find_judged`.

    Raises:
      SpecError: none has.
    """
    for found in _judged(store, model, tell):
        return found
    raise SpecError(
        f"no run of '{model}' has a report", "a run that was judged", "Run `sortline retrain` first"
    )


def find_judged(store: Store, run_id: str, *, of: str | None, tell: Tell) -> Registration:
    """What was registered of a run that has its report.

    Args:
      store: the bucket.
      run_id: the run.
      of: the model that it must be of; None for any.
      tell: takes a line on each version that cannot be read.

    Raises:
      SpecError: there is no such run, it has no report, or it is another model's.
    """
    known = find_document(store, Registration, keys.run(run_id, "registration.json"))
    if known is not None and of not in {None, known.model}:
        raise SpecError(
            f"run '{run_id}' is of model '{known.model}'",
            f"one of model '{of}'",
            "Leave --name out, or name another run",
        )
    if known is None or not store.exists(keys.judged(run_id, "report.html")):
        raise _no_report(store, run_id, known, tell)
    return known


def _judged(store: Store, model: str, tell: Tell) -> Iterator[Registration]:
    """The versions whose run has a report, the newest first; a damaged one hides no other."""
    for version in roll.versions(store, model):
        try:
            one = roll.find_version(store, model, version)
        except SpecError as error:
            tell(f"version {version} of {model} is left out: {error.fact}")
            continue
        if store.exists(keys.judged(one.run_id, "report.html")):
            yield one


def _no_report(store: Store, run_id: str, known: Registration | None, tell: Tell) -> SpecError:
    if not run_id or not store.exists(keys.run(run_id, "spec.json")):
        models = [known.model] if known else roll.models(store)
        judged = (one for model in models for one in islice(_judged(store, model, tell), _NAMED))
        newest = (one.run_id for one in judged)
        named = ", ".join(newest) or "(none yet)"
        return SpecError(f"there is no run '{run_id}'", f"one of {named}", "Name one of these")
    evaluation = find_document(store, EvaluationResult, keys.judged(run_id, "evaluation.json"))
    has_verdict = store.exists(keys.run(run_id, "verdict.json"))
    if known and evaluation and evaluation.champion is None and not has_verdict:
        return SpecError(
            f"run '{run_id}' was evaluated without a champion to compare with, and has no verdict",
            "one that the gate has passed: a first model that it refuses fails its run",
            "Look at the task `gate` in Airflow; `sortline promote "
            f"{known.model_version} --reason TEXT --name {known.model}` makes it champion",
        )
    return SpecError(
        f"run '{run_id}' has no report yet",
        "a run that came as far as `report`",
        "Wait for it, or clear what failed in Airflow: it goes on where it was",
    )
