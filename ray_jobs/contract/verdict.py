"""What the gate says, by which rules, and what it rests on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ray_jobs.contract.document import Document, ObjectRef, Part
from ray_jobs.contract.export import ExportFormat

Share = Annotated[float, Field(ge=0, le=1)]


class Aim(StrEnum):
    """What a candidate must be, beside the champion."""

    BETTER = "better"
    NOT_WORSE = "not-worse"


class Policy(Part):
    """What a candidate must reach to become champion. Shares are 0 to 1.

    `accuracy_floor` and `macro_f1_floor` hold whatever the champion does. `aim` `better` demands a
    McNemar p-value of at most `error_rate` and a macro F1 whose difference is above zero in the
    whole interval; `not-worse` demands differences that are above -`margin` in the whole interval.
    `recall_loss` is how much recall a class may lose that has `class_images` images or more.
    `calibration_error` and `latency_ms` (the median of one image) are upper bounds, None: none.
    `required_exports` must be at parity, and the SavedModel always, whether they name it or not.
    """

    accuracy_floor: Share = 0.5
    macro_f1_floor: Share = 0.4
    aim: Aim = Aim.BETTER
    error_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    margin: Share = 0.01
    recall_loss: Share = 0.1
    class_images: Annotated[int, Field(ge=1)] = 30
    calibration_error: Share | None = 0.15
    latency_ms: Annotated[float, Field(gt=0)] | None = 1000.0
    required_exports: tuple[ExportFormat, ...] = (ExportFormat.SAVED_MODEL,)


class Decision(StrEnum):
    """What the gate says. Each is a successful run."""

    PROMOTED = "promoted"
    KEPT = "kept"
    UNCHANGED = "unchanged"


class Check(StrEnum):
    """What the gate looks at, in this order."""

    DATA = "data"
    EXPORTS = "exports"
    FLOORS = "floors"
    COMPARISON = "comparison"
    CLASSES = "classes"
    CALIBRATION = "calibration"
    LATENCY = "latency"


class Finding(Part):
    """One thing that the gate looked at: whether it speaks for the candidate, and the fact."""

    check: Check
    passed: bool
    fact: str


class Verdict(Document):
    """`runs/<run_id>/verdict.json`: the decision, its reasons in words, and what it rests on.

    `evidence` are the documents that were judged, by their content; `champion_before` is the
    version that was compared with.
    """

    run_id: str
    decision: Decision
    reasons: tuple[str, ...] = Field(min_length=1)
    champion_before: int | None
    policy: Policy
    findings: tuple[Finding, ...]
    evidence: tuple[ObjectRef, ...]
