"""Whether a table contradicts the classes that folders tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tasks.ingest.class_names import class_key
from tasks.sources.base import Images
from tasks.sources.layouts.rows import has_class_column
from tasks.sources.layouts.table import Finder, Table, classes_told
from tasks.sources.trees.base import TreeFile


class Contradiction(NamedTuple):
    """A photo whose class is one by its folders and another by a table."""

    table: TreeFile
    path: str
    label: str
    said: str


def contradiction(finder: Finder, tables: Sequence[Table], images: Images) -> Contradiction | None:
    """The first photo of which a table says another class than its image has, or None.

    Numbers say the same as names where each stands for one of them. A column that is not named as
    one of classes is none, unless it holds one of the images' classes.
    """
    labels = {image.path: image.label for image in images if image.label}
    known = set(map(class_key, set(labels.values())))
    for table in tables:
        told = classes_told(finder, table)
        both = {(labels[path], said) for path, said in told.items() if path in labels}
        if _are_numbers(both) or not (has_class_column(table.file) or _name_any(both, known)):
            continue
        strange = {(label, said) for label, said in both if class_key(label) != class_key(said)}
        for path, said in told.items():
            if path in labels and (labels[path], said) in strange:
                return Contradiction(table.file, path, labels[path], said)
    return None


def _name_any(both: set[tuple[str, str]], known: set[str]) -> bool:
    return any(class_key(said) in known for _, said in both)


def _are_numbers(both: set[tuple[str, str]]) -> bool:
    """Whether a table gives each class a number of its own."""
    labels, said = {label for label, _ in both}, {number for _, number in both}
    return all(map(str.isdigit, said)) and len(both) == len(labels) == len(said)
