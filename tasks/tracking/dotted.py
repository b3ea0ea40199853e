"""Nested values as rows of dotted keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast


def dotted(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of `values` with its dotted key, in order.

    >>> list(dotted({"epochs": 3, "schedule": {"base_lr": 0.1}}))
    [('epochs', 3), ('schedule.base_lr', 0.1)]
    """
    for key, value in values.items():
        if isinstance(value, dict):
            yield from dotted(cast("dict[str, object]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
