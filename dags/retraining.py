"""The Airflow-side steps of `retrain_classifier`: read the context, call `tasks`, hand on.

Those that decide are in `judging`.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Variable

from dags import judging
from dags.handed_on import planned, registration
from dags.shared import announced, dataset_of, form, is_scheduled, settings, task_instance
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.errors import SortlineError, SpecError
from ray_jobs.storage import read_document, write_document
from tasks.judging.card import assemble_card
from tasks.planning import capacity
from tasks.planning.events import newest_version
from tasks.planning.plan import Order, Plan, parse_conf, plan_run
from tasks.settings import DATASET_VARIABLE, DEFAULT_RECIPE, RECIPE_VARIABLE, Settings
from tasks.tracking import registry

log = logging.getLogger(__name__)


def plan() -> bool:
    """Decide what to run and push it as the XCom `plan`.

    Returns:
      False, which skips the rest, where there is nothing to do: the same inputs were judged
      already, the event that started the run is another data set's, or it is the clock's turn and
      there is no data set yet.
    """
    order = _order()
    if order is None:
        return False
    judging.policy()  # one that is wrong is told now, not after the hours of a training
    parts = settings()
    use_gpu = capacity.check(parts, order.resources).use_gpu
    chosen = plan_run(parts.store("judge"), order, code_version=_code_version(), use_gpu=use_gpu)
    task_instance().xcom_push("plan", chosen.model_dump(mode="json"))
    task_instance().xcom_push("order", _order_again(order, chosen))
    if chosen.unchanged:
        log.info("run %s has a verdict: unchanged", chosen.run_id)
        _repair_alias_if_possible(parts, chosen.model)
    return not chosen.unchanged


def register() -> dict[str, Any]:
    """Log the run to MLflow and register its model as a candidate."""
    parts = settings()
    registered = registry.register_candidate(parts, parts.store("judge"), planned("run_id"))
    return registered.model_dump(mode="json")


def report() -> dict[str, str]:
    """Write the report, then the card, whose presence means that the run is complete.

    Returns:
      The addresses of the card and the report, and as `page` that of MLflow's page that shows it.
    """
    # By the task alone: with pyarrow, the DAG would take half as long again to be read.
    from tasks.report import publish_report

    parts, run_id = settings(), planned("run_id")
    store = parts.store("judge")
    registered = registration(store)
    card = assemble_card(store, run_id, registered.model, registered.model_version)
    manifest = read_document(store, DatasetManifest, card.spec.manifest.key)
    key = publish_report(store, card, manifest)
    page = registry.keep_report(parts, store, registered.mlflow_run_id, key)
    registry.keep_card(parts, registered.mlflow_run_id, card)
    write_document(store, card, keys.judged(run_id, "card.json"))
    card_uri = store.uri(keys.judged(run_id, "card.json"))
    return {"card": card_uri, "report": store.uri(key), "page": page}


def _repair_alias_if_possible(parts: Settings, model: str) -> None:
    """Of a run that has nothing else to do, and so does not fail for MLflow's sake."""
    try:
        judging.repair_alias(parts, model)
    except SortlineError as error:
        log.warning("MLflow's alias stays behind until the next run: %s", error)


def _order() -> Order | None:
    conf = form()
    if is_scheduled() and Variable.get(DATASET_VARIABLE, default=None) is None:
        log.info("no data set yet")
        return None
    mine = dataset_of(conf["dataset"])
    events = announced()
    if events is not None:
        told = newest_version(events, mine)
        log.info("announced: %s; acting on %s, last announced as %s", events, mine, told)
        if told is None:
            return None
        conf["version"] = None  # the newest of now, which an event that waited may not know
    recipe = conf["recipe"] or Variable.get(RECIPE_VARIABLE, default=DEFAULT_RECIPE)
    return parse_conf({**conf, "dataset": mine, "recipe": recipe})


def _order_again(order: Order, chosen: Plan) -> dict[str, Any]:
    """The form of a run that goes on with this one, whatever the settings say by then."""
    asked = order.model_dump(mode="json", exclude={"schema_version"}, exclude_none=True)
    return asked | {"version": chosen.version, "takes_up": chosen.run_id}


def _code_version() -> str:
    version = settings().code_version
    if version is None:
        raise SpecError(
            "the version of the code is not known",
            "SORTLINE_CODE_VERSION set, so that a run can be told from one of other code",
            "`sortline up` sets it; in an image, set it to the build's label",
        )
    return version
