"""Run every export of a run beside the trained model; writes `verification.json` once.

On the whole test split: a format is published where it answers as the trained model does, the
SavedModel where a process with none of our code can serve it as well. Then each one's speed. One
that fails is told of with its reason, and the others go on.
"""

from __future__ import annotations

import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import ExportFormat, ExportResult, VerificationResult
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import read_document, write_document
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.export import clean_process
from ray_jobs.training.export.comparison import compare
from ray_jobs.training.export.labels import Labels
from ray_jobs.training.export.parity import AGREEMENT_FLOOR, DIFFERENCE_BOUND
from ray_jobs.training.export.runtime import Answering, FormatError, cpus, open_all
from ray_jobs.training.export.shipped import fetch_export
from ray_jobs.training.export.trained import rebuild
from ray_jobs.training.export.verified import verified

log = logging.getLogger("ray_jobs.verify")


def run(job: entry.Job) -> None:
    """Verify, unless it was done already.

    Raises:
      DataError: the test split has no images, or its shards hold others than the version names.
    """
    key = keys.run(job.spec.run_id, "verification.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    with tempfile.TemporaryDirectory() as scratch:
        result = _verify(job, Path(scratch))
    write_document(job.store, result, key)
    log.info("wrote %s; published: %s", job.store.uri(key), ", ".join(result.published) or "none")


def _verify(job: entry.Job, scratch: Path) -> VerificationResult:
    started = time.monotonic()
    store, run_id = job.store, job.spec.run_id
    exports = read_document(store, ExportResult, keys.run(run_id, "exports.json"))
    training = read_document(store, TrainingResult, keys.run(run_id, "training.json"))
    photos = _test_photos(job, scratch / "shards")
    entries = {
        export.format: fetch_export(store, export, scratch / export.format) / export.entry
        for export in exports.exports
    }
    models, unopened = open_all(entries, cpus())
    saved = ExportFormat.SAVED_MODEL
    trained = rebuild(store, job.spec.recipe, training, scratch)
    # Somebody else's process starts while this one compares; the latencies are measured alone.
    with ThreadPoolExecutor() as beside:
        served = beside.submit(
            _why_not_served, entries[saved], models.get(saved), trained.labels, photos
        )
        parities, silent = compare(trained, models, photos)
    failed = served.result() | unopened | silent
    formats = [
        verified(kind, models.get(kind), parities.get(kind), failed.get(kind), exports.image_px)
        for kind in entries
    ]
    return VerificationResult(
        run_id=run_id,
        manifest=job.spec.manifest,
        images=len(photos.roster),
        agreement_floor=AGREEMENT_FLOOR,
        difference_bound=dict(DIFFERENCE_BOUND),
        clean_process=saved not in failed,
        formats=tuple(formats),
        seconds=time.monotonic() - started,
    )


def _test_photos(job: entry.Job, folder: Path) -> Photos:
    manifest = read_document(job.store, DatasetManifest, job.spec.manifest.key)
    photos = fetch_photos(job.store, manifest, Split.TEST, manifest.shards[Split.TEST], folder)
    if not photos.roster:
        raise DataError(
            f"the test split of {manifest.dataset} @ {manifest.version} has no images",
            "images that the exports can be compared on",
            "Ingest more images of each class",
        )
    return photos


def _why_not_served(
    entry: Path, ask: Answering | None, labels: Labels, photos: Photos
) -> dict[ExportFormat, str]:
    """Why a process without our code cannot serve the SavedModel; nothing where it can."""
    if ask is None:
        return {}
    try:
        clean_process.check_served(entry, ask, labels, photos)
    except (clean_process.NotServedError, FormatError) as error:
        return {ExportFormat.SAVED_MODEL: f"{error.fact}, expected {error.expectation}"}
    return {}


if __name__ == "__main__":
    entry.main(run)
