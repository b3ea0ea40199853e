"""Run every export of a run beside the trained model; writes `verification.json` once.

On the whole test split: a format is published where it answers as the trained model does. Then
each one's speed, and a process with none of our code that uses the SavedModel.
"""

from __future__ import annotations

import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.export import (
    ExportFormat,
    ExportResult,
    Parity,
    VerificationResult,
    Verified,
)
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import read_document, write_document
from ray_jobs.training.data.photos import Photos, fetch_photos
from ray_jobs.training.export import clean_process, latency
from ray_jobs.training.export.comparison import compare
from ray_jobs.training.export.parity import AGREEMENT_FLOOR, DIFFERENCE_BOUND, shortfall
from ray_jobs.training.export.runtime import Answering, cpus, open_model
from ray_jobs.training.export.shipped import fetch_export
from ray_jobs.training.export.trained import rebuild

log = logging.getLogger("ray_jobs.verify")


def run(job: entry.Job) -> None:
    """Verify, unless it was done already.

    Raises:
      SortlineError: a process without our code cannot use the SavedModel.
      DataError: the test split has no images.
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
    models = {kind: open_model(kind, path, cpus()) for kind, path in entries.items()}
    saved = ExportFormat.SAVED_MODEL
    trained = rebuild(store, job.spec.recipe, training, scratch)
    # Somebody else's process starts while this one compares; the latencies are measured alone.
    with ThreadPoolExecutor() as beside:
        served = beside.submit(
            clean_process.check_served, entries[saved], models[saved], trained.labels, photos
        )
        parities = compare(trained, models, photos)
    served.result()
    formats = [
        _verified(kind, ask, parities[kind], exports.image_px) for kind, ask in models.items()
    ]
    return VerificationResult(
        run_id=run_id,
        manifest=job.spec.manifest,
        images=len(photos.roster),
        agreement_floor=AGREEMENT_FLOOR,
        difference_bound=dict(DIFFERENCE_BOUND),
        clean_process=True,
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


def _verified(kind: ExportFormat, ask: Answering, parity: Parity, image_px: int) -> Verified:
    image = np.full([1, image_px, image_px, 3], 127, np.float32)
    spans, reason = latency.measure(lambda: ask(image), threads=cpus()), shortfall(kind, parity)
    log.info(
        "%s: the same answer on %d of %d (%d ties), differs by %.1e, %.1f ms an image (p99 %.1f)",
        kind,
        parity.same,
        parity.images,
        parity.ties,
        parity.max_difference,
        spans.median_ms,
        spans.p99_ms,
    )
    if reason:
        log.warning("%s is not published: %s", kind, reason)
    return Verified(
        format=kind, parity=parity, latency=spans, published=reason is None, reason=reason
    )


if __name__ == "__main__":
    entry.main(run)
