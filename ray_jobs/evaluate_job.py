"""Score candidate and champion on the test split, as shipped; writes `evaluation.json`.

Once, but for one case: while the run has no verdict, a comparison with a champion that is no
longer the champion is made again.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import ClusterError
from ray_jobs.contract.evaluation import EvaluationResult, Scores
from ray_jobs.contract.export import ExportResult
from ray_jobs.storage import find_document, read_document
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.export import shipped
from ray_jobs.training.export.answers import ask
from ray_jobs.training.metrics import score

log = logging.getLogger("ray_jobs.evaluate")


def run(job: entry.Job) -> None:
    """Evaluate, unless it was done already."""
    key = keys.run(job.spec.run_id, "evaluation.json")
    champion = find_document(job.store, ChampionPointer, keys.champion(job.spec.manifest.dataset))
    found = job.store.get_tagged(key)
    if found is not None and _still_holds(job, found.data, champion):
        log.info("%s is there already", job.store.uri(key))
        return
    result = _evaluate(job, champion)
    if not job.store.compare_and_set(key, result.to_json(), etag=found.etag if found else None):
        raise ClusterError(
            f"{job.store.uri(key)} was written by another evaluation meanwhile",
            "one evaluation of a run at a time",
            "Run it again",
        )
    log.info("wrote %s: accuracy %.3f", job.store.uri(key), result.candidate.accuracy)


def _still_holds(job: entry.Job, data: bytes, champion: ChampionPointer | None) -> bool:
    """Whether nothing was decided on it yet, and the champion of now is the one it scored."""
    if job.store.exists(keys.run(job.spec.run_id, "verdict.json")):
        return True
    scored = EvaluationResult.from_json(data, origin="evaluation.json").champion
    now = champion.run_id if champion else None
    return now in (scored.run_id if scored else None, job.spec.run_id)


def _evaluate(job: entry.Job, champion: ChampionPointer | None) -> EvaluationResult:
    started = time.monotonic()
    manifest = read_document(job.store, DatasetManifest, job.spec.manifest.key)
    with tempfile.TemporaryDirectory() as scratch:
        shards = manifest.shards[Split.TEST]
        photos = fetch_photos(job.store, manifest, Split.TEST, shards, Path(scratch))
        candidate = _scores(job, manifest, photos, job.spec.run_id, None)
        rival = champion and _scores(job, manifest, photos, champion.run_id, champion.model_version)
    return EvaluationResult(
        run_id=job.spec.run_id,
        manifest=job.spec.manifest,
        split=Split.TEST,
        candidate=candidate,
        champion=rival,
        seconds=time.monotonic() - started,
    )


def _scores(
    job: entry.Job,
    manifest: DatasetManifest,
    photos: Photos,
    run_id: str,
    model_version: int | None,
) -> Scores:
    exports = read_document(job.store, ExportResult, keys.run(run_id, "exports.json"))
    with tempfile.TemporaryDirectory() as scratch:
        model = shipped.load(shipped.download(job.store, exports, Path(scratch)))
        truths, answers = ask(model, photos, manifest.classes)
    return score(truths, answers, manifest.classes, run_id=run_id, model_version=model_version)


if __name__ == "__main__":
    entry.main(run)
