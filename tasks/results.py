"""What a Ray step made, in a few figures: the step's document holds the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray_jobs.contract import keys
from ray_jobs.contract.evaluation import Comparison, EvaluationResult, Scores
from ray_jobs.contract.export import ExportResult, VerificationResult, Verified
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import Store, read_document

Figures = dict[str, Any]


def is_there(store: Store, run_id: str, step: str) -> bool:
    """Whether a step's document is where the step wrote it. Raises KeyError: no such step."""
    place, name, _ = _STEPS[step]
    return store.exists(place(run_id, name))


def of_step(store: Store, run_id: str, step: str) -> Figures:
    """The figures of a step that succeeded: `{"document": URI, "metrics": {...}}`.

    Args:
      store: the bucket, as `judge`.
      run_id: the run.
      step: `train`, `export`, `verify` or `evaluate`.

    Raises:
      KeyError: no such step.
      MissingObjectError: the step has not written its document.
    """
    place, name, metrics = _STEPS[step]
    key = place(run_id, name)
    return {"document": store.uri(key), "metrics": metrics(store, key)}


def _training(store: Store, key: str) -> Figures:
    result = read_document(store, TrainingResult, key)
    best = next(epoch for epoch in result.epochs if epoch.epoch == result.best_epoch)
    return {
        "best_epoch": result.best_epoch,
        "epochs": len(result.epochs),
        "val_accuracy": best.val_accuracy,
        "val_loss": best.val_loss,
        "temperature": result.calibration.temperature,
        "images_per_s": best.images_per_s,
        "workers": result.workers,
        "resumed_from_step": result.resumed_from_step,
        "seconds": result.seconds,
    }


def _export(store: Store, key: str) -> Figures:
    result = read_document(store, ExportResult, key)
    return {
        "formats": {one.format.value: one.size_bytes for one in result.exports},
        "refused": {kind.value: reason for kind, reason in result.refused.items()},
        "seconds": result.seconds,
    }


def _verification(store: Store, key: str) -> Figures:
    result = read_document(store, VerificationResult, key)
    formats = {one.format.value: _verified(one) for one in result.formats}
    return {"images": result.images, "formats": formats, "seconds": result.seconds}


def _verified(one: Verified) -> Figures:
    return {
        "published": one.published,
        "agreement": one.parity and one.parity.agreement,
        "max_difference": one.parity and one.parity.max_difference,
        "median_ms": one.latency and one.latency.median_ms,
        "p99_ms": one.latency and one.latency.p99_ms,
    }


def _evaluation(store: Store, key: str) -> Figures:
    result = read_document(store, EvaluationResult, key)
    return {
        "split": result.split.value,
        "candidate": _scores(result.candidate),
        "comparison": _comparison(result.comparison) if result.comparison else None,
        "seconds": result.seconds,
    }


def _scores(scores: Scores) -> Figures:
    return {
        "model_version": scores.model_version,
        "images": scores.images,
        "accuracy": scores.accuracy.value,
        "interval": scores.accuracy.interval and list(scores.accuracy.interval),
        "macro_f1": scores.macro_f1.value,
    }


def _comparison(comparison: Comparison) -> Figures:
    return {
        "candidate": _scores(comparison.candidate),
        "champion": _scores(comparison.champion),
        "candidate_only": comparison.candidate_only,
        "champion_only": comparison.champion_only,
        "p_value": comparison.p_value,
    }


_STEPS: dict[str, tuple[Callable[[str, str], str], str, Callable[[Store, str], Figures]]] = {
    "train": (keys.run, "training.json", _training),
    "export": (keys.run, "exports.json", _export),
    "verify": (keys.run, "verification.json", _verification),
    "evaluate": (keys.judged, "evaluation.json", _evaluation),
}
