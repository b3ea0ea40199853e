"""What housekeeping took from a run."""

from __future__ import annotations

from ray_jobs.contract.document import Document


class Removal(Document):
    """`runs/<run_id>/removed.json`: the run's files are gone, its documents still name them.

    Written before the first one goes; `objects` and `size_bytes` count what was there then.
    """

    run_id: str
    objects: int
    size_bytes: int
