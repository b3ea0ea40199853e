"""Dotted keys over a recipe, strictly: a wrong key or value is the caller's to correct."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from ray_jobs.contract.errors import SpecError, closest
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes.allowed import Allowed, allowed_values

# What names a recipe, and the layout's version, are not the caller's to set.
_FIXED = {"name", "summary", "schema_version"}


def overridden(recipe: Recipe, overrides: Mapping[str, object]) -> Recipe:
    """The recipe with the keys set.

    Raises:
      SpecError: names the key, the value, what the key takes, and the remedy.
    """
    whole = recipe.model_dump(mode="json")
    for key, value in overrides.items():
        _set(whole, key, _read(value, _allowed(key)))
    try:
        return Recipe.model_validate_json(json.dumps(whole))
    except ValidationError as error:
        raise _as_spec_error(error, recipe) from error


def check_keys(overrides: Mapping[str, object]) -> None:
    """Return only if each is a key of a recipe, whatever its value. Raises SpecError."""
    for key in overrides:
        _allowed(key)


def settable() -> dict[str, Allowed]:
    """Every key that may be set, dotted, and what it takes."""
    return {key: what for key, what in allowed_values(Recipe).items() if key not in _FIXED}


def _allowed(key: str) -> Allowed:
    known = settable()
    if key not in known:
        raise SpecError(
            f"'{key}' is not a key of a recipe",
            f"one of {', '.join(sorted(known))}",
            f"{closest(key, known)} Pass --set KEY=VALUE",
        )
    return known[key]


def _set(whole: dict[str, Any], key: str, value: object) -> None:
    *groups, leaf = key.split(".")
    for group in groups:
        whole = whole[group]
    whole[leaf] = value


def _read(value: object, allowed: Allowed) -> object:
    """A text as what the key holds; anything else as it is, for pydantic to judge."""
    if not isinstance(value, str) or (allowed.text and value != "null"):
        return value
    try:
        return cast("object", json.loads(value, parse_constant=str))
    except ValueError:
        return value


def _as_spec_error(error: ValidationError, recipe: Recipe) -> SpecError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if not key:  # a rule about several keys: it says itself what it expects
        expected = first["msg"].removeprefix("Value error, ")
        return SpecError("the keys do not fit together", expected, "Pass --set KEY=VALUE")
    return SpecError(
        f"{key} is {first['input']!r}",
        settable()[key].phrase,
        f"Pass --set {key}={json.dumps(_value_at(recipe, key))}, as recipe {recipe.name} does",
    )


def _value_at(recipe: Recipe, key: str) -> object:
    value = recipe.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value
