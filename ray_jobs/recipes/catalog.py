"""The recipes by name, and a recipe resolved: its own values under what the caller sets."""

from __future__ import annotations

from collections.abc import Mapping

from ray_jobs.contract.errors import SpecError, closest
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes import (
    b0_finetune,
    b0_scratch,
    b3_finetune,
    convnet_small,
    lite0_finetune,
    lite0_probe,
    mnasnet_scratch,
    vgg16_finetune,
)
from ray_jobs.recipes.overrides import overridden

_MODULES = (
    lite0_probe,
    lite0_finetune,
    b0_finetune,
    b0_scratch,
    b3_finetune,
    mnasnet_scratch,
    vgg16_finetune,
    convnet_small,
)
_RECIPES = {module.RECIPE.name: module.RECIPE for module in _MODULES}


def names() -> list[str]:
    """Every recipe, sorted.

    >>> names()[:4]
    ['b0_finetune', 'b0_scratch', 'b3_finetune', 'convnet_small']
    """
    return sorted(_RECIPES)


def resolve(name: str, overrides: Mapping[str, object]) -> Recipe:
    """A recipe with some of its keys set anew.

    Args:
      name: one of `names()`.
      overrides: dotted key -> value; a text is read as what the key holds (`"3"` as 3).

    Raises:
      SpecError: no such recipe or key, or a value that the key does not take.

    >>> resolve("lite0_probe", {"epochs": "3", "schedule.base_lr": 0.01}).epochs
    3
    """
    if name not in _RECIPES:
        raise SpecError(
            f"there is no recipe '{name}'",
            f"one of {', '.join(names())}",
            f"{closest(name, names())} Pass --recipe NAME",
        )
    return overridden(_RECIPES[name], overrides)
