"""The life of a champion on real photos: `make bench-judgement` (`SORTLINE_TRASHNET`, `HOME_DIR`).

A first model is promoted, a better one replaces it, one that was trained on shuffled labels is
refused; then a rollback, and a promotion back. Each step is demanded, and told in a row. The home
is kept, as that of `make bench-quality` is: what was trained there is not trained again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from infra.commands import models
from infra.commands.ingest import Wanted, ingest
from infra.session import Session
from ray_jobs.contract.card import ModelCard
from ray_jobs.contract.export import ExportFormat
from ray_jobs.contract.verdict import Check, Decision
from tasks.judging import champion
from tests.bench.record import keep
from tests.bench.retraining import DATASET, home_of, retrain, stack_of
from tests.spoiled import kept_entries, write_spoiled

SEED = int(os.environ.get("SEED", "1"))


def main() -> int:
    """Live it, print it, and append a line to the results."""
    with stack_of(home_of("quality")) as session:
        rows = _life(session)
    sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    keep("judgement", {"rows": rows})
    return 0


def _life(session: Session) -> list[dict[str, object]]:
    _ingest(session, os.environ["SORTLINE_TRASHNET"])
    first = _judged(session, "convnet_small", {}, Decision.PROMOTED)
    better = _judged(session, "lite0_finetune", {}, Decision.PROMOTED)
    wrong = _spoil(session)
    spoiled = _judged(session, "lite0_probe", {}, Decision.KEPT)
    # With right labels it would be kept as well, for the champion is better: here it is no good.
    assert Check.FLOORS.value in spoiled["failed"], spoiled
    back = models.rollback(session, name=DATASET, version=None)
    assert back["champion"] == _version_of(session) == first["version"], back
    again = models.promote(
        session, name=DATASET, version=int(str(better["version"])), reason="rolled back to see"
    )
    assert again["champion"] == _version_of(session) == better["version"], again
    return [first, better, {**spoiled, "training_labels_wrong": wrong}]


def _judged(
    session: Session, recipe: str, overrides: dict[str, str], expected: Decision
) -> dict[str, object]:
    card = retrain(session, recipe, overrides, seed=SEED)
    row = _row(card)
    assert card.verdict.decision is expected, row
    assert set(card.verification.published) == set(ExportFormat), row
    return row


def _row(card: ModelCard) -> dict[str, object]:
    scores, comparison = card.evaluation.candidate, card.evaluation.comparison
    return {
        "run_id": card.spec.run_id,
        "version": card.model_version,
        "recipe": card.spec.recipe.name,
        "decision": card.verdict.decision.value,
        "reasons": list(card.verdict.reasons),
        "failed": [found.check.value for found in card.verdict.findings if not found.passed],
        "accuracy": scores.accuracy.model_dump(mode="json"),
        "macro_f1": scores.macro_f1.model_dump(mode="json"),
        "calibration_error": [
            scores.calibration.error_before.value,
            scores.calibration.error.value,
        ],
        "p_value": comparison and comparison.p_value,
        "decisions_before": card.evaluation.decisions_before,
        "exports": [_export(card, kind) for kind in ExportFormat],
    }


def _export(card: ModelCard, kind: ExportFormat) -> dict[str, object]:
    made = next(one for one in card.exports.exports if one.format is kind)
    ran = next(one for one in card.verification.formats if one.format is kind)
    return {
        "format": kind.value,
        "size_mb": round(made.size_bytes / 1e6, 1),
        "agreement": ran.parity and ran.parity.agreement,
        "max_difference": ran.parity and ran.parity.max_difference,
        "median_ms": ran.latency and ran.latency.median_ms,
        "p99_ms": ran.latency and ran.latency.p99_ms,
    }


def _spoil(session: Session) -> int:
    """Make a version of the same data set with shuffled training labels the newest; how many."""
    entries = kept_entries(session.settings().store("judge"), DATASET)
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(os.environ["SORTLINE_TRASHNET"])
        wrong = write_spoiled(entries, photos, Path(scratch), seed=SEED)
        _ingest(session, scratch)
    return wrong


def _ingest(session: Session, source: str) -> None:
    """Make what a source holds the newest version; what is known of it is not read again."""
    ingest(session, Wanted(source, DATASET))


def _version_of(session: Session) -> int | None:
    pointer = champion.read(session.settings().store("judge"), DATASET).pointer
    return pointer and pointer.model_version


if __name__ == "__main__":
    sys.exit(main())
