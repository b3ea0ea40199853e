"""Ship the model of a run as SavedModel, ONNX and LiteRT; writes `exports.json` once.

Files lie below the hash of what they hold: an attempt that died half-way never mixes with the next.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from pathlib import Path

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.champion import Registration
from ray_jobs.contract.document import digest
from ray_jobs.contract.export import Export, ExportFormat, ExportResult
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import Store, put_content, read_document, write_document
from ray_jobs.training.export.formats import write_formats
from ray_jobs.training.export.trained import rebuild

log = logging.getLogger("ray_jobs.export")


def run(job: entry.Job) -> None:
    """Export, unless it was done already."""
    key = keys.run(job.spec.run_id, "exports.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    with tempfile.TemporaryDirectory() as scratch:
        result = _export(job, Path(scratch))
    write_document(job.store, result, key)
    log.info("wrote %s: %s", job.store.uri(key), ", ".join(one.format for one in result.exports))


def _export(job: entry.Job, scratch: Path) -> ExportResult:
    started = time.monotonic()
    run_id, store = job.spec.run_id, job.store
    training = read_document(store, TrainingResult, keys.run(run_id, "training.json"))
    registered = read_document(store, Registration, keys.run(run_id, "registration.json"))
    trained = rebuild(store, job.spec.recipe, training, scratch)
    made = write_formats(trained, registered.model, registered.model_version, scratch)
    exports = [
        ship(store, run_id, kind, entry, made.root / kind) for kind, entry in made.entries.items()
    ]
    return ExportResult(
        run_id=run_id,
        model=registered.model,
        model_version=registered.model_version,
        image_px=trained.labels.image_px,
        classes=trained.labels.classes,
        temperature=trained.temperature,
        exports=tuple(exports),
        refused=made.refused,
        seconds=time.monotonic() - started,
    )


def ship(store: Store, run_id: str, kind: ExportFormat, entry: str, folder: Path) -> Export:
    """Write one format, every file below its folder, to the store.

    Args:
      store: of the run.
      run_id: of the run.
      kind: the format.
      entry: what its runtime loads, relative to the folder.
      folder: of the format alone.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    whole = digest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    prefix = keys.export(run_id, kind, whole)
    refs = tuple(put_content(store, prefix + name, data) for name, data in files.items())
    return Export(format=kind, prefix=prefix, entry=entry, files=refs)


if __name__ == "__main__":
    entry.main(run)
