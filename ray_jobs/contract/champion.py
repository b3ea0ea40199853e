"""Which versions a model has, and which is the champion."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from ray_jobs.contract.document import Document, Part


class Registration(Document):
    """`runs/<run_id>/registration.json`, `models/<name>/versions/<version>.json`: a candidate.

    `url` is MLflow's page of the version, `run_url` that of the run.
    """

    run_id: str
    model: str
    model_version: int
    mlflow_run_id: str
    url: str
    run_url: str


class Act(StrEnum):
    """What kind of act a move of the champion pointer was.

    The gate's own, the gate's with a person's approval, a person's whatever the gate said, or a
    move back, which undoes the moves since that version was champion.
    """

    GATE = "gate"
    APPROVAL = "approval"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class Promotion(Part):
    """One move of the champion pointer; `reason` is what a person said of it, if anything."""

    model_version: int
    run_id: str
    by: str
    at: str
    reason: str | None = None
    act: Act

    @property
    def goes_back(self) -> bool:
        """Whether it undoes the moves since its version was champion."""
        return self.act is Act.ROLLBACK


class ChampionPointer(Document):
    """`models/<name>/champion.json`: moved by If-Match; `history` ends with the champion of now."""

    model: str
    model_version: int
    run_id: str
    history: tuple[Promotion, ...] = Field(min_length=1)
