"""What a recipe reaches on real photos: `make bench-quality SEED=1 RECIPE=lite0_finetune`.

`SORTLINE_TRASHNET` names the photos. The stack's home is kept (`HOME_DIR`, `.bench/quality`), and a
run is named by what it is made of: called again after an accident, this goes on where it was, and
what was judged is read only. `SET="epochs=3 image_px=96"` sets keys of the recipe, `WORKERS` their
number. The training chooses on the validation split; the test split is read once, by the step
`evaluate`, after everything is decided.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from infra.commands.ingest import Wanted, ingest
from infra.follow import DagRun, follow
from infra.session import Session
from ray_jobs.contract import keys
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes import catalog
from ray_jobs.storage import Store, read_document
from tasks.order import parse_workers
from tasks.settings import DATASET_VARIABLE
from tests.bench.record import keep

DATASET = "trashnet6"
RETRAIN = "retrain_classifier"


def main() -> int:
    """Train, judge, print, and append a line to the results."""
    home = Path(os.environ.get("HOME_DIR", ".bench/quality")).absolute()
    # The code is part of a run's name: a commit in the middle must not begin another run.
    os.environ["SORTLINE_CODE_VERSION"] = "bench"
    session = Session.open(home)
    try:
        session.stack.up(session.screen.say)
        session.require_up()
        line = _measure(session)
    finally:
        session.stack.down(session.screen.say)
    sys.stdout.write(json.dumps(line, indent=2) + "\n")
    keep("quality", line)
    return 0


def _measure(session: Session) -> dict[str, object]:
    api, store = session.airflow(), session.settings().store("judge")
    api.set_variable(DATASET_VARIABLE, "none-of-these")  # no run but the one that is ordered
    if not store.exists(keys.latest(DATASET)):
        ingest(session, Wanted(os.environ["SORTLINE_TRASHNET"], DATASET))
    recipe, overrides = os.environ.get("RECIPE", "lite0_finetune"), _overrides()
    conf: dict[str, object] = {
        "dataset": DATASET,
        "recipe": recipe,
        "seed": _seed(),
        "overrides": overrides,
    }
    conf["workers_min"], conf["workers_max"] = parse_workers(os.environ.get("WORKERS", "2"))
    run = DagRun(RETRAIN, api.trigger(RETRAIN, conf))
    follow(api, run, show=lambda _: None, logs=session.logs)
    return _line(_card(store, catalog.resolve(recipe, overrides)))


def _seed() -> int:
    return int(os.environ.get("SEED", "1"))


def _overrides() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in os.environ.get("SET", "").split())


def _card(store: Store, recipe: Recipe) -> ModelCard:
    found = [key for key in store.keys("runs/") if key.endswith("/card.json")]
    cards = [read_document(store, ModelCard, key) for key in found]
    (card,) = [c for c in cards if c.spec.recipe == recipe and c.spec.seed == _seed()]
    return card


def _line(card: ModelCard) -> dict[str, object]:
    scores = card.evaluation.candidate
    best = card.training.epochs[card.training.best_epoch - 1]
    return {
        "recipe": card.spec.recipe.name,
        "seed": card.spec.seed,
        "workers": card.training.workers,
        "epochs": len(card.training.epochs),
        "best_epoch": card.training.best_epoch,
        "val_accuracy": round(best.val_accuracy, 4),
        "test_accuracy": round(scores.accuracy, 4),
        "interval": [round(bound, 4) for bound in scores.interval],
        "test_images": scores.images,
        "training_minutes": round(card.training.seconds / 60, 1),
        "run_id": card.spec.run_id,
    }


if __name__ == "__main__":
    sys.exit(main())
