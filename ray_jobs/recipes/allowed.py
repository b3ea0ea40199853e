"""What each key of a document takes, in words, read off its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

Schema = dict[str, Any]

_NOUNS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}

_LIMITS = {
    "exclusiveMinimum": "more than",
    "minimum": "at least",
    "exclusiveMaximum": "less than",
    "maximum": "at most",
}


@dataclass(frozen=True)
class Allowed:
    """`phrase` completes "expected ..."; `text` where the value is one."""

    phrase: str
    text: bool


def allowed_values(model: type[BaseModel]) -> dict[str, Allowed]:
    """Dotted key -> what it takes, for every leaf of the model.

    >>> from ray_jobs.contract.recipe import Recipe
    >>> allowed_values(Recipe)["image_px"].phrase
    'a whole number from 18 to 1024'
    >>> allowed_values(Recipe)["schedule.base_lr"].phrase
    'a number more than 0, at most 10'
    """
    schema = model.model_json_schema()
    return {key: _describe(leaf) for key, leaf in _leaves(schema, schema.get("$defs", {}))}


def _leaves(schema: Schema, parts: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, field in cast("dict[str, Schema]", schema["properties"]).items():
        if "$ref" in field:
            part = parts[str(field["$ref"]).rpartition("/")[2]]
            yield from ((f"{name}.{below}", leaf) for below, leaf in _leaves(part, parts))
        else:
            yield name, field


def _describe(leaf: Schema) -> Allowed:
    options = cast("list[Schema]", leaf.get("anyOf", [leaf]))
    kind = next(option for option in options if option.get("type") != "null")
    phrase = _phrase(kind) + (", or null" if len(options) > 1 else "")
    return Allowed(phrase, text=kind.get("type") == "string")


def _phrase(kind: Schema) -> str:
    choices = kind.get("enum") or ([kind["const"]] if "const" in kind else [])
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    if "pattern" in kind:
        return str(kind["description"])
    noun = _NOUNS.get(str(kind.get("type")), "a text")
    if "minimum" in kind and "maximum" in kind:
        return f"{noun} from {kind['minimum']} to {kind['maximum']}"
    limits = [f"{words} {kind[key]}" for key, words in _LIMITS.items() if key in kind]
    return " ".join([noun, ", ".join(limits)]).strip()
