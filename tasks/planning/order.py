"""What a trigger may say, checked before anything is planned."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self, cast

from pydantic import AfterValidator, Field, model_validator

from ray_jobs.contract.document import Document, canonical_json
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.run import Resources
from tasks.names import dataset_name
from tasks.settings import DEFAULT_RECIPE

DEFAULT_WORKERS = 2
WORKERS_LIMIT = 1024  # as in the contract's `Resources`
BUDGET_LIMIT_MINUTES = 2 * 24 * 60
# A budget of two days, an approval of one, the rest: a run that is older has ended.
RUN_LIMIT = timedelta(days=4)

# What the form asks for by itself, and the recipe's key that it sets.
SHORTCUTS = {"epochs": "epochs", "image_px": "image_px", "base_rate": "schedule.base_lr"}


class Order(Document):
    """One order for a training: which data, which recipe, on how many workers.

    `version` None is the newest. `overrides` maps a recipe's dotted keys to values; `epochs`,
    `image_px` and `base_rate` are shortcuts to three of them, whose ranges the recipe checks.
    `force` runs a fingerprint again that was judged already; where the order `takes_up` a run, only
    until that one is judged. `budget_minutes` is the longest that
    the training job may take, `require_approval` asks a person before a promotion: neither
    changes what is learnt.
    """

    dataset: Annotated[str, AfterValidator(dataset_name)]
    version: str | None = None
    recipe: str = DEFAULT_RECIPE
    epochs: int | None = None
    image_px: int | None = None
    base_rate: float | None = None
    overrides: dict[str, object] = Field(default_factory=dict[str, object])
    workers_min: int = DEFAULT_WORKERS
    workers_max: int = DEFAULT_WORKERS
    budget_minutes: Annotated[int, Field(ge=1, le=BUDGET_LIMIT_MINUTES)] | None = None
    require_approval: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    force: bool = False
    takes_up: str | None = None
    note: Annotated[str, Field(max_length=500)] | None = None

    @property
    def recipe_keys(self) -> dict[str, object]:
        """Every key of the recipe that is set anew: the overrides and the shortcuts."""
        return self.overrides | self._shortcuts()

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

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        for field, key in SHORTCUTS.items():
            _check_said_once(field, getattr(self, field), key, self.overrides)
        return self

    def _shortcuts(self) -> dict[str, object]:
        asked = {key: getattr(self, field) for field, key in SHORTCUTS.items()}
        return {key: value for key, value in asked.items() if value is not None}


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


def _check_said_once(field: str, value: object, key: str, overrides: Mapping[str, object]) -> None:
    """Refuse a key that is given both ways with two values; the same value twice is fine."""
    if value is None or key not in overrides or _plain(overrides[key]) == value:
        return
    raise SpecError(
        f"{field} is {value!r}, and overrides sets '{key}' to {overrides[key]!r}",
        "one value",
        f"Leave one of the two out: '{field}', or '{key}' in overrides",
    )


def _plain(value: object) -> object:
    """A text of the command line as the number that it states, if it states one."""
    if not isinstance(value, str):
        return value
    try:
        return cast("object", json.loads(value))
    except ValueError:
        return value


def _check_workers(fewest: int, most: int, text: str) -> None:
    if not 1 <= fewest <= most <= WORKERS_LIMIT:
        raise _workers_error(text)


def _workers_error(text: str) -> SpecError:
    return SpecError(
        f"workers is '{text}'",
        f"N or MIN..MAX, from 1 to {WORKERS_LIMIT}",
        "Pass --workers 2, or --workers 1..4 to take what the cluster has",
    )
