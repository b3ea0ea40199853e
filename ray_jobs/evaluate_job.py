"""Score candidate and champion on the test split, as shipped; writes `evaluation.json` once."""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.run import ChampionPointer, EvaluationResult, ExportResult, Scores
from ray_jobs.storage import find_document, read_document, write_document
from ray_jobs.training.data.cache import fetch_shards
from ray_jobs.training.export import shipped
from ray_jobs.training.export.answers import ask
from ray_jobs.training.metrics import score

log = logging.getLogger("ray_jobs.evaluate")


def run(job: entry.Job) -> None:
    """Evaluate, unless it was done already."""
    key = keys.run(job.spec.run_id, "evaluation.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    started = time.monotonic()
    manifest = read_document(job.store, DatasetManifest, job.spec.manifest.key)
    with tempfile.TemporaryDirectory() as scratch:
        files = fetch_shards(job.store, manifest.shards[Split.TEST], Path(scratch))
        candidate = _scores(job, manifest, files, job.spec.run_id, None)
        champion = _champion_scores(job, manifest, files)
    result = EvaluationResult(
        run_id=job.spec.run_id,
        manifest=job.spec.manifest,
        split=Split.TEST,
        candidate=candidate,
        champion=champion,
        seconds=time.monotonic() - started,
    )
    write_document(job.store, result, key)
    log.info("wrote %s: accuracy %.3f", job.store.uri(key), candidate.accuracy)


def _champion_scores(job: entry.Job, manifest: DatasetManifest, files: list[Path]) -> Scores | None:
    key = keys.champion(job.spec.manifest.dataset)
    champion = find_document(job.store, ChampionPointer, key)
    if champion is None:
        return None
    return _scores(job, manifest, files, champion.run_id, champion.model_version)


def _scores(
    job: entry.Job,
    manifest: DatasetManifest,
    files: list[Path],
    run_id: str,
    model_version: int | None,
) -> Scores:
    exports = read_document(job.store, ExportResult, keys.run(run_id, "exports.json"))
    with tempfile.TemporaryDirectory() as scratch:
        model = shipped.load(shipped.download(job.store, exports, Path(scratch)))
        truths, answers = ask(model, files, manifest.classes)
    return score(truths, answers, manifest.classes, run_id=run_id, model_version=model_version)


if __name__ == "__main__":
    entry.main(run)
