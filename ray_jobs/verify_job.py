"""Ask a shipped model what the trained one was asked; writes `verification.json` once.

A fresh process, which knows nothing of how the model was built: it loads what a user would load.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np

from ray_jobs import entry
from ray_jobs.contract import keys
from ray_jobs.contract.errors import SortlineError
from ray_jobs.contract.export import ExportResult, VerificationResult
from ray_jobs.storage import fetch, read_document, write_document
from ray_jobs.training.export import probe as probes
from ray_jobs.training.export import shipped

log = logging.getLogger("ray_jobs.verify")

TOLERANCE = 1e-4


def run(job: entry.Job) -> None:
    """Verify, unless it was done already.

    Raises:
      SortlineError: the export answers otherwise than the trained model.
    """
    key = keys.run(job.spec.run_id, "verification.json")
    if job.store.exists(key):
        log.info("%s is there already", job.store.uri(key))
        return
    exports = read_document(job.store, ExportResult, keys.run(job.spec.run_id, "exports.json"))
    probe = probes.from_bytes(fetch(job.store, exports.probe))
    with tempfile.TemporaryDirectory() as scratch:
        model = shipped.load(shipped.download(job.store, exports, Path(scratch)))
        difference = difference_of(model, probe)
    result = VerificationResult(
        run_id=job.spec.run_id,
        images=len(probe.images),
        max_difference=difference,
        tolerance=TOLERANCE,
    )
    write_document(job.store, result, key)
    log.info("wrote %s: largest difference %.1e", job.store.uri(key), difference)


def difference_of(model: shipped.Shipped, probe: probes.Probe) -> float:
    """The largest absolute difference between a probability of the export and of the model.

    Raises:
      SortlineError: it is more than TOLERANCE, or no number.
    """
    difference = float(np.abs(model.probabilities(probe.images) - probe.probabilities).max())
    if not difference <= TOLERANCE:
        raise SortlineError(
            f"the export differs from the trained model by {difference:.2g}",
            f"at most {TOLERANCE:g} on every probability of {len(probe.images)} images",
            "Do not promote it: look for an operation that the export does otherwise",
        )
    return difference


if __name__ == "__main__":
    entry.main(run)
