"""The phases of a training: the head alone, where the recipe says so, then all that learns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ray_jobs.contract.recipe import Augment, Recipe, Schedule


class PhaseName(StrEnum):
    """Which phase."""

    HEAD = "head"
    MAIN = "main"


@dataclass(frozen=True)
class Phase:
    """Epochs `first` to `end` (exclusive, counted from 0 over the whole training)."""

    name: PhaseName
    first: int
    end: int
    schedule: Schedule
    augment: Augment
    trainable: str

    @property
    def epochs(self) -> int:
        """How many it has."""
        return self.end - self.first


def phases_of(recipe: Recipe) -> list[Phase]:
    """One or two phases, in their order."""
    head, first = recipe.head, recipe.head.epochs
    main = Phase(
        PhaseName.MAIN,
        first,
        first + recipe.epochs,
        recipe.schedule,
        recipe.augment,
        recipe.trainable,
    )
    if not first:
        return [main]
    return [Phase(PhaseName.HEAD, 0, first, head.schedule, head.augment, "head"), main]


def epochs_of(recipe: Recipe) -> int:
    """The epochs of all phases, if none ends early."""
    return phases_of(recipe)[-1].end
