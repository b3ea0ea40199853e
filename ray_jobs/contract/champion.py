"""Which version of a model is the champion."""

from __future__ import annotations

from pydantic import Field

from ray_jobs.contract.document import Document, Part


class Promotion(Part):
    """One move of the champion pointer; `reason` is what a person said of it, if anything."""

    model_version: int
    run_id: str
    by: str
    at: str
    reason: str | None = None


class ChampionPointer(Document):
    """`models/<name>/champion.json`: moved by If-Match; `history` ends with the champion of now."""

    model: str
    model_version: int
    run_id: str
    history: tuple[Promotion, ...] = Field(min_length=1)
