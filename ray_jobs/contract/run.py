"""What is ordered (`RunSpec`), and how far it has come."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ray_jobs.contract.document import Document, Part
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.recipe import Recipe


class ManifestRef(Part):
    """The data set version a run trains on."""

    dataset: str
    version: str
    key: str


class Resources(Part):
    """What the cluster gives a training: from `workers_min` to `workers_max` workers.

    A checkpoint is written every `checkpoint_minutes`, beside those at the end of each epoch. A
    worker that makes no progress for `stall_minutes` is ended, and the training goes on from the
    last checkpoint.
    """

    workers_min: Annotated[int, Field(ge=1, le=1024)]
    workers_max: Annotated[int, Field(ge=1, le=1024)]
    use_gpu: bool = False
    checkpoint_minutes: Annotated[float, Field(gt=0, le=1440)] = 10.0
    stall_minutes: Annotated[float, Field(gt=0, le=1440)] = 15.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.workers_min > self.workers_max:
            raise ValueError("workers_min at most workers_max")
        return self


def check_batch(batch_size: int, workers: int) -> None:
    """Refuse a batch that cannot give so many workers an image each. Raises SpecError."""
    if batch_size < workers:
        raise SpecError(
            f"batch_size is {batch_size} for {workers} workers",
            "at least one image a worker",
            f"Pass --set batch_size={workers} or fewer --workers",
        )


class RunSpec(Document):
    """`runs/<run_id>/spec.json`.

    `fingerprint` = hash(manifest version, resolved recipe, seed, code version); `run_id` is its
    first 12 digits, with `-2`, `-3`, ... where a judged fingerprint is forced to run again.
    """

    run_id: str
    fingerprint: str
    manifest: ManifestRef
    recipe: Recipe
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    resources: Resources
    code_version: str
    note: str | None = None


class Progress(Document):
    """`runs/<run_id>/progress.json`: where a training stands; overwritten as it goes."""

    run_id: str
    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None
    accuracy: float | None
    learning_rate: float | None
    images_per_s: float | None
    seconds_left: float | None
