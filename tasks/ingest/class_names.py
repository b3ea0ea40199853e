"""What is odd about the names of a source's classes, taken together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from tasks.ingest.workbook import Workbook
from tasks.photos.rejection import Note

_BYTES = re.compile(r"\\x[0-9a-f]{2}")


def name_warnings(book: Workbook) -> list[str]:
    """A warning for names that differ by little, and for names that are no UTF-8."""
    found = {
        (label, Note.NAME_NOT_UTF8 in (notes or "").split(","))
        for label, notes in book.execute("SELECT DISTINCT label, notes FROM entry")
    }
    labels = sorted({label for label, _ in found if label})
    shown = sorted(label for label, is_escaped in found if is_escaped and _BYTES.search(label))
    return [*map(_alike, _groups(labels)), *([_not_utf8(shown)] if shown else [])]


def class_key(name: str) -> str:
    """What two names have in common that differ in case, blanks, `_` and `-` alone.

    >>> class_key("Glass Bottle") == class_key("glass_bottle")
    True
    """
    return re.sub(r"[-_\s]", "", name).casefold()


def _groups(labels: Iterable[str]) -> list[list[str]]:
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[class_key(label)].append(label)
    return [names for names in alike.values() if len(names) > 1]


def _alike(names: list[str]) -> str:
    told = ", ".join(f"'{name}'" for name in names)
    return f"classes {told} differ in case, blanks, '_' or '-' alone: a class map can merge them"


def _not_utf8(names: list[str]) -> str:
    told = ", ".join(f"'{name}'" for name in names[:4])
    return (
        f"class names are no UTF-8, and shown by their bytes ({told}):"
        " pack the source anew with UTF-8 names, or rename them with a class map"
    )
