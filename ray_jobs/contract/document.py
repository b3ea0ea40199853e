"""The base of everything that crosses between the two sides: frozen, closed, strict, versioned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from ray_jobs.contract.errors import SpecError, closest


class Part(BaseModel):
    """A value inside a document. An unknown key or a wrong type is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def from_json(cls, data: bytes, *, origin: str) -> Self:
        """Parse what was read from `origin` (a URI, for the message).

        Raises:
          SpecError: names the first wrong key, with the close match where the key is unknown.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise _as_spec_error(error, cls, origin) from error


class Document(Part):
    """A JSON object in the store, with the version of its own layout."""

    schema_version: Literal[1] = 1

    def to_json(self) -> bytes:
        """Canonical UTF-8 JSON: keys sorted, two spaces, one newline at the end."""
        return canonical_json(self.model_dump(mode="json"))


class ObjectRef(Part):
    """One object in the bucket, with what it must hold."""

    key: str
    sha256: str
    size_bytes: int


def canonical_json(value: object) -> bytes:
    """The one JSON text of a value.

    >>> print(canonical_json({"b": 1, "a": "é"}).decode(), end="")
    {
      "a": "é",
      "b": 1
    }
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False)
    return (text + "\n").encode()


def digest(value: object) -> str:
    """sha256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _as_spec_error(error: ValidationError, model: type[BaseModel], origin: str) -> SpecError:
    found = error.errors()
    # A key that is misspelt is missing, too: to tell of the spelling helps more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    key = ".".join(str(part) for part in first["loc"]) or "the document"
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return SpecError(
            f"{origin}: '{key}' is not a key of {model.__name__}",
            "known keys only",
            closest(str(first["loc"][-1]), known),
        )
    if first["type"] == "missing":
        return SpecError(f"{origin}: '{key}' is missing", "every key without a default", "Add it")
    return SpecError(
        f"{origin}: {key} is {first.get('input')!r}"[:300],
        first["msg"].removeprefix("Input should be "),
        f"Correct '{key}'",
    )


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys of the part that a path leads to; an index stays with the parts of its list."""
    for step in path:
        field = model.model_fields.get(str(step))
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return list(model.model_fields)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a type is, or is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
