"""What a recipe reaches on real photos: `make bench-quality SEED=1 RECIPE=lite0_finetune`.

`SORTLINE_TRASHNET` names the photos. The stack's home is kept (`HOME_DIR`, `.bench/quality`), and a
run is named by what it is made of: called again after an accident, this goes on where it was, and
what was judged is read only (`trained_by` is the commit of its code). `SET="epochs=3 image_px=96"`
sets keys of the recipe, `WORKERS` their number. The training chooses on the validation split; the
test split is read once, by the step `evaluate`, after everything is decided.
"""

from __future__ import annotations

import json
import os
import sys

from ray_jobs.contract.card import ModelCard
from tests.bench.record import keep
from tests.bench.retraining import home_of, ingest_photos, retrain, stack_of


def main() -> int:
    """Train, judge, print, and append a line to the results."""
    with stack_of(home_of("quality")) as session:
        ingest_photos(session)
        card = retrain(
            session,
            os.environ.get("RECIPE", "lite0_finetune"),
            dict(pair.split("=", 1) for pair in os.environ.get("SET", "").split()),
            seed=int(os.environ.get("SEED", "1")),
            workers=os.environ.get("WORKERS", "2"),
        )
    line = _line(card)
    sys.stdout.write(json.dumps(line, indent=2) + "\n")
    keep("quality", line)
    return 0


def _line(card: ModelCard) -> dict[str, object]:
    scores = card.evaluation.candidate
    best = card.training.epochs[card.training.best_epoch - 1]
    return {
        "recipe": card.spec.recipe.name,
        "trained_by": card.spec.code_version,
        "seed": card.spec.seed,
        "workers": card.training.workers,
        "epochs": len(card.training.epochs),
        "best_epoch": card.training.best_epoch,
        "val_accuracy": round(best.val_accuracy, 4),
        "test_accuracy": scores.accuracy.value,
        "interval": scores.accuracy.interval,
        "test_images": scores.images,
        "training_minutes": round(card.training.seconds / 60, 1),
        "run_id": card.spec.run_id,
    }


if __name__ == "__main__":
    sys.exit(main())
