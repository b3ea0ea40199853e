"""Whether a table contradicts the classes that folders tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tasks.class_names import class_key
from tasks.sources.base import SourceImage
from tasks.sources.layouts.rows import has_class_column
from tasks.sources.layouts.table import Finder, Table, read_tables
from tasks.sources.layouts.tables import named_rows
from tasks.sources.trees.base import TreeFile


class Contradiction(NamedTuple):
    """A photo whose class is one by its folders and another by a table."""

    table: TreeFile
    path: str
    label: str
    said: str


def contradiction(
    files: Sequence[TreeFile], tables: Sequence[TreeFile], images: Sequence[SourceImage]
) -> Contradiction | None:
    """The first photo of which a table says another class than its image has, or None.

    Numbers say the same as names where each stands for one of them. A column that is not named as
    one of classes is none, unless it holds one of the images' classes.
    """
    labels = {image.path: image.label for image in images if image.label}
    known = set(map(class_key, labels.values()))
    finder = Finder(files)
    for file in tables:
        told = read_tables(files, [Table(file, named_rows(file, finder))], is_named=True)
        pairs = [
            Contradiction(file, one.path, labels[one.path], one.label)
            for one in told
            if one.label and one.path in labels
        ]
        said = {class_key(pair.said) for pair in pairs}
        if _are_numbers(pairs) or (not has_class_column(file) and not said & known):
            continue
        for pair in pairs:
            if class_key(pair.label) != class_key(pair.said):
                return pair
    return None


def _are_numbers(pairs: Sequence[Contradiction]) -> bool:
    """Whether a table gives each class a number of its own."""
    both = {(pair.label, pair.said) for pair in pairs}
    labels, said = {label for label, _ in both}, {number for _, number in both}
    return all(map(str.isdigit, said)) and len(both) == len(labels) == len(said)
