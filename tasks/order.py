"""What a trigger may say, checked before anything is planned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ray_jobs.contract.document import Document, canonical_json
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.run import Resources
from tasks.names import dataset_name
from tasks.settings import DEFAULT_RECIPE

WORKERS_LIMIT = 1024  # as in the contract's `Resources`


class Order(Document):
    """One order for a training: which data, which recipe, on how many workers.

    `version` None is the newest. `overrides` maps a recipe's dotted keys to values. `force` runs
    a fingerprint again that was judged already.
    """

    dataset: Annotated[str, AfterValidator(dataset_name)]
    version: str | None = None
    recipe: str = DEFAULT_RECIPE
    overrides: dict[str, object] = Field(default_factory=dict[str, object])
    workers_min: int = 2
    workers_max: int = 2
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    force: bool = False
    note: str | None = None

    @property
    def resources(self) -> Resources:
        """What the training is to be given, before anyone asked what the cluster has."""
        return Resources(workers_min=self.workers_min, workers_max=self.workers_max)

    @model_validator(mode="after")
    def _workers_in_range(self) -> Self:
        # Not a ValueError: pydantic lets it through as it is, with its three parts.
        _check_workers(
            self.workers_min, self.workers_max, f"{self.workers_min}..{self.workers_max}"
        )
        return self


def parse_conf(conf: Mapping[str, object]) -> Order:
    """The order that a DAG run's conf states; a null is a key that was not given.

    Raises:
      SpecError: an unknown key (Airflow lets it pass; the close match is named), a wrong type or
        a value out of range.
    """
    given = {key: value for key, value in conf.items() if value is not None}
    return Order.from_json(canonical_json(given), origin="the run's conf")


def parse_workers(text: str) -> tuple[int, int]:
    """The fewest and the most workers that `N` or `MIN..MAX` states.

    Raises:
      SpecError: anything else, or none at all.

    >>> parse_workers("2"), parse_workers("1..4")
    ((2, 2), (1, 4))
    """
    found = re.fullmatch(r"([0-9]{1,9})(?:\.\.([0-9]{1,9}))?", text.strip())
    if found is None:
        raise _workers_error(text)
    fewest, most = int(found[1]), int(found[2] or found[1])
    _check_workers(fewest, most, text)
    return fewest, most


def _check_workers(fewest: int, most: int, text: str) -> None:
    if not 1 <= fewest <= most <= WORKERS_LIMIT:
        raise _workers_error(text)


def _workers_error(text: str) -> SpecError:
    return SpecError(
        f"workers is '{text}'",
        f"N or MIN..MAX, from 1 to {WORKERS_LIMIT}",
        "Pass --workers 2, or --workers 1..4 to take what the cluster has",
    )
