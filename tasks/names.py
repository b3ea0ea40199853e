"""The name of a data set: part of every key, so it is plain."""

from __future__ import annotations

import re

from ray_jobs.contract.errors import SpecError

MAX_LENGTH = 63
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def dataset_name(text: str) -> str:
    """The name itself, once it is known to be one.

    >>> dataset_name("trashnet6")
    'trashnet6'

    Raises:
      SpecError: the text is no data set name.
    """
    if _NAME.fullmatch(text):
        return text
    raise SpecError(
        f"{text!r} is no data set name"[:200],
        f"1 to {MAX_LENGTH} of a-z, 0-9, '-' and '_', a letter or digit first",
        _remedy(slug(text)),
    )


def slug(text: str) -> str:
    """The nearest data set name, or nothing where the text holds no letter of a-z and no digit.

    >>> slug("Waste photos (2026)")
    'waste-photos-2026'
    """
    plain = re.sub(r"[^a-z0-9_]+", "-", text.lower())
    return plain.lstrip("-_")[:MAX_LENGTH].rstrip("-_")


def _remedy(suggestion: str) -> str:
    return f"Name it '{suggestion}', say" if suggestion else "Choose a name, such as 'waste-2026'"
