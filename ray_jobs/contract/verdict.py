"""What the gate says."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from ray_jobs.contract.document import Document


class Decision(StrEnum):
    """What the gate says. Each is a successful run."""

    PROMOTED = "promoted"
    KEPT = "kept"
    UNCHANGED = "unchanged"


class Verdict(Document):
    """`runs/<run_id>/verdict.json`: the decision, its reasons in words, and what it rests on."""

    run_id: str
    decision: Decision
    reasons: tuple[str, ...] = Field(min_length=1)
    champion_before: int | None
