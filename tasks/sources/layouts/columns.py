"""The columns of a label table, by their names."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.ingest.class_names import class_key

PATH_NAMES = (
    *("path", "image", "filename", "file", "image_path", "filepath", "img", "image_file"),
    *("image_name", "photo", "image_id", "name", "id"),
)
_CLASS_NAMES = ("label", "class", "category", "target", "class_name", "label_name", "category_name")
LABEL_NAMES = (*_CLASS_NAMES, "labels", "class_id", "waste_type", "material", "type")
SPLIT_NAMES = ("split", "subset", "set")


def columns_of(names: Sequence[str]) -> dict[str, int] | None:
    """Where the path, the label and the split stand; None without one of the first two.

    >>> columns_of(["Nr.", "Image File", "waste-type"])
    {'path': 1, 'label': 2}
    """
    header = [class_key(name) for name in names]
    found = {
        "path": _first(header, PATH_NAMES),
        "label": _first(header, LABEL_NAMES),
        "split": _first(header, SPLIT_NAMES),
    }
    columns = {name: place for name, place in found.items() if place is not None}
    return columns if {"path", "label"} <= columns.keys() else None


def names_classes(names: Sequence[str]) -> bool:
    """Whether there are such columns, and that of the label is named as one of classes."""
    keys = set(map(class_key, names))
    return columns_of(names) is not None and not keys.isdisjoint(map(class_key, _CLASS_NAMES))


def _first(header: list[str], names: tuple[str, ...]) -> int | None:
    keys = map(class_key, names)
    return next((header.index(key) for key in keys if key in header), None)
