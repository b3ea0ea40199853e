"""Which versions a model has, and which is the champion."""

from __future__ import annotations

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


class Promotion(Part):
    """One move of the champion pointer; `reason` is what a person said of it, if anything.

    A move back (`is_rollback`) undoes the moves since that version was champion.
    """

    model_version: int
    run_id: str
    by: str
    at: str
    reason: str | None = None
    is_rollback: bool = False


class ChampionPointer(Document):
    """`models/<name>/champion.json`: moved by If-Match; `history` ends with the champion of now."""

    model: str
    model_version: int
    run_id: str
    history: tuple[Promotion, ...] = Field(min_length=1)
