"""What was seen of one export, as the verification tells it."""

from __future__ import annotations

import logging

import numpy as np

from ray_jobs.contract.export import ExportFormat, Latency, Parity, Verified
from ray_jobs.training.export import latency
from ray_jobs.training.export.parity import shortfall
from ray_jobs.training.export.runtime import Answering, FormatError, cpus

log = logging.getLogger("ray_jobs.verify")


def verified(
    kind: ExportFormat, ask: Answering | None, parity: Parity | None, failed: str | None, px: int
) -> Verified:
    """Time an export that answered, and say why one is not published.

    Args:
      kind: its format.
      ask: the export; None where it cannot be opened.
      parity: beside the trained model; None where it did not answer.
      failed: what went wrong so far; None where nothing did.
      px: of the side of its images.
    """
    reasons = [failed, parity and shortfall(kind, parity)]
    spans = None
    if ask is not None and parity is not None:
        try:
            spans = _timed(ask, px)
        except FormatError as error:
            reasons.append(error.fact)
    reason = "; ".join(one for one in reasons if one) or None
    _tell(kind, parity, spans, reason)
    return Verified(
        format=kind, parity=parity, latency=spans, published=reason is None, reason=reason
    )


def _timed(ask: Answering, px: int) -> Latency:
    image = np.full([1, px, px, 3], 127, np.float32)
    return latency.measure(lambda: ask(image), threads=cpus())


def _tell(
    kind: ExportFormat, parity: Parity | None, spans: Latency | None, reason: str | None
) -> None:
    if parity is not None:
        log.info(
            "%s: the same answer on %d of %d (%d ties), differs by %.1e",
            kind,
            parity.same,
            parity.images,
            parity.ties,
            parity.max_difference,
        )
    if spans is not None:
        log.info("%s: %.1f ms an image (p99 %.1f)", kind, spans.median_ms, spans.p99_ms)
    if reason is not None:
        log.warning("%s is not published: %s", kind, reason)
