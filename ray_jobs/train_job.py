"""Train the model that a run spec orders; writes `training.json` once."""

from __future__ import annotations

import logging

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.contract.training import TrainingResult
from ray_jobs.storage import read_document, write_document
from ray_jobs.training import driver
from ray_jobs.training.outcome import Outcome
from ray_jobs.training.weights.mirror import mirror

log = logging.getLogger("ray_jobs.train")


def run(job: entry.Job) -> None:
    """Train, unless it was done already."""
    key = keys.run(job.spec.run_id, "training.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    manifest = read_document(job.store, DatasetManifest, job.spec.manifest.key)
    mirror(job.store, job.spec.recipe)
    answer = driver.train(job.bucket, job.spec, manifest)
    outcome = Outcome.from_json(answer.encode(), origin="the chief worker")
    result = TrainingResult(
        run_id=job.spec.run_id,
        classes=manifest.classes,
        weights=outcome.weights,
        calibration=outcome.calibration,
        best_epoch=outcome.state.best_epoch,
        epochs=outcome.state.history,
        workers=outcome.workers,
        resumed_from_step=outcome.state.resumed_from_step,
        seconds=outcome.state.seconds,
    )
    write_document(job.store, result, key)
    log.info("wrote %s", job.store.uri(key))


if __name__ == "__main__":
    entry.main(run)
