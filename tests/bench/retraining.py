"""Retrainings on a stack whose home is kept: called again after an accident, they go on.

A run is named by what it is made of, its code among it: that is the commit at which the home was
begun, whatever was committed since. Newer code is measured in another `HOME_DIR`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.commands.ingest import Wanted, ingest
from infra.follow import DagRun, follow
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes import catalog
from ray_jobs.storage import Store, read_document
from tasks.planning.order import parse_workers
from tasks.settings import DATASET_VARIABLE
from tests.bench.commit import commit

DATASET = "trashnet6"
RETRAIN = "retrain_classifier"


@contextmanager
def stack_of(home: Path) -> Iterator[Session]:
    """The stack of a home, up; no run begins on it but those that are ordered."""
    os.environ["SORTLINE_CODE_VERSION"] = _begun_at(home)
    session = Session.open(home)
    try:
        session.stack.up(session.screen.say)
        session.require_up()
        session.airflow().set_variable(DATASET_VARIABLE, "none-of-these")
        yield session
    finally:
        session.stack.down(session.screen.say)


def _begun_at(home: Path) -> str:
    file = home / "commit"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(commit())
    return file.read_text()


def home_of(name: str) -> Path:
    """Where the stack of a benchmark lives: `HOME_DIR`, or a folder here."""
    return Path(os.environ.get("HOME_DIR", f".bench/{name}")).absolute()


def ingest_photos(session: Session) -> None:
    """Make a data set of the photos that `SORTLINE_TRASHNET` names, where there is none yet."""
    if not session.settings().store("judge").exists(keys.latest(DATASET)):
        ingest(session, Wanted(os.environ["SORTLINE_TRASHNET"], DATASET))


def retrain(
    session: Session, recipe: str, overrides: Mapping[str, str], *, seed: int, workers: str = "2"
) -> ModelCard:
    """Train and judge on the newest version, or find it done; its card."""
    conf: dict[str, object] = {
        "dataset": DATASET,
        "recipe": recipe,
        "seed": seed,
        "overrides": dict(overrides),
    }
    conf["workers_min"], conf["workers_max"] = parse_workers(workers)
    api = session.airflow()
    run = DagRun(RETRAIN, api.trigger(RETRAIN, conf))
    follow(api, run, show=lambda _: None, logs=session.logs)
    return _card(session.settings().store("judge"), catalog.resolve(recipe, overrides), seed)


def _card(store: Store, recipe: Recipe, seed: int) -> ModelCard:
    found = [key for key in store.keys("judged/") if key.endswith("/card.json")]
    cards = [read_document(store, ModelCard, key) for key in found]
    own = [card for card in cards if card.spec.recipe == recipe and card.spec.seed == seed]
    return max(own, key=lambda card: card.model_version)
