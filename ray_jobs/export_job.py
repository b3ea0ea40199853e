"""Ship the model of a run: a SavedModel with its labels, and a probe; writes `exports.json` once.

Files lie below the hash of what they hold: an attempt that died half-way never mixes with the next.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from pathlib import Path

import keras

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.document import ObjectRef, digest
from ray_jobs.contract.export import Export, ExportFormat, ExportResult
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import fetch_to, put_content, read_document, write_document
from ray_jobs.training.data.photos import fetch_photos
from ray_jobs.training.export import probe as probes
from ray_jobs.training.export.savedmodel import write_savedmodel
from ray_jobs.training.export.shipped import LABELS_FILE, Labels
from ray_jobs.training.models import classifier

log = logging.getLogger("ray_jobs.export")

PROBE_IMAGES = 8


def run(job: entry.Job) -> None:
    """Export, unless it was done already."""
    key = keys.run(job.spec.run_id, "exports.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    started = time.monotonic()
    training = read_document(job.store, TrainingResult, keys.run(job.spec.run_id, "training.json"))
    with tempfile.TemporaryDirectory() as scratch:
        model = _trained_model(job, training, Path(scratch))
        export = _ship(job, model, training.classes, Path(scratch) / "savedmodel")
        probe = _ship_probe(job, model, Path(scratch))
    result = ExportResult(
        run_id=job.spec.run_id,
        image_px=job.spec.recipe.image_px,
        classes=training.classes,
        exports=(export,),
        probe=probe,
        seconds=time.monotonic() - started,
    )
    write_document(job.store, result, key)
    log.info("wrote %s", job.store.uri(key))


def _trained_model(job: entry.Job, training: TrainingResult, scratch: Path) -> keras.Model:
    weights = fetch_to(job.store, training.weights, scratch / "model.weights.h5")
    return classifier.from_recipe(job.spec.recipe, len(training.classes), weights)


def _ship(job: entry.Job, model: keras.Model, classes: tuple[str, ...], folder: Path) -> Export:
    image_px = job.spec.recipe.image_px
    write_savedmodel(model, image_px, folder)
    (folder / LABELS_FILE).write_bytes(Labels(classes=classes, image_px=image_px).to_json())
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    whole = digest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    prefix = keys.export(job.spec.run_id, ExportFormat.SAVED_MODEL, whole)
    refs = tuple(put_content(job.store, prefix + name, data) for name, data in files.items())
    return Export(format=ExportFormat.SAVED_MODEL, prefix=prefix, files=refs)


def _ship_probe(job: entry.Job, model: keras.Model, scratch: Path) -> ObjectRef:
    """A few validation images and what the trained model, not the export, says of them."""
    manifest = read_document(job.store, DatasetManifest, job.spec.manifest.key)
    shards = [shard for shard in manifest.shards[Split.VAL] if shard.records][:1]
    photos = fetch_photos(job.store, manifest, Split.VAL, shards, scratch)
    probe = probes.make_probe(model, photos, job.spec.recipe.image_px, images=PROBE_IMAGES)
    data = probes.to_bytes(probe)
    name = f"export/probe-{hashlib.sha256(data).hexdigest()[:12]}.npz"
    return put_content(job.store, keys.run(job.spec.run_id, name), data)


if __name__ == "__main__":
    entry.main(run)
