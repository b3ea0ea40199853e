"""Folders whose names say how photos were got or kept, and not what is on them: no class names."""

from __future__ import annotations

import re
from collections.abc import Collection

from tasks.sources.layouts.base import words

_MARKS = {
    *("mask", "masks", "label", "labels", "annotation", "annotations", "annotated", "segmentation"),
}
_KEPT = {
    *_MARKS,
    *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pic", "pics"),
    *("jpg", "jpeg", "png", "jpegimages", "bilder", "fotos"),
    *("original", "originals", "raw", "resized", "augmented", "augmentation", "aug"),
    *("standardized", "standardised", "processed", "preprocessed", "cropped", "crops"),
    *("data", "dataset", "unlabeled", "unlabelled"),
}
_COUNTED = {
    *("fold", "site", "batch", "part", "session", "camera", "cam", "day", "week", "location"),
    *("annotator", "run", "round", "series", "chunk", "shard"),
}
_DATE = re.compile(
    r"(19|20)\d\d[-_. ]?[01]\d[-_. ]?[0-3]\d|(19|20)\d\d[-_. ][01]\d"
    r"|\d\d?[-_. ]\d\d?[-_. ](19|20)\d\d"
)


def is_container(name: str) -> bool:
    """Whether a folder's name says how photos are kept: as what, where, when, in which part.

    >>> [is_container(name) for name in ("images", "standardized_256", "Site A - Nord", "fold0")]
    [True, True, True, True]
    >>> [is_container(name) for name in ("2023-05-01", "glass", "site", "0", "raw glass")]
    [True, False, False, False, False]
    """
    if _DATE.fullmatch(name.strip()):
        return True
    first, *rest = words(name) or [""]
    if first in _COUNTED:
        return bool(rest) and _is_count(rest[0])
    parts = [first, *rest]
    return any(part in _KEPT for part in parts) and all(
        part in _KEPT or _is_count(part) for part in parts
    )


def holds_marks(name: str) -> bool:
    """Whether a folder's name says that marks on photos are in it, and no photos.

    >>> holds_marks("glass_masks"), holds_marks("raw")
    (True, False)
    """
    return not _MARKS.isdisjoint(words(name))


def are_classes(names: Collection[str]) -> bool:
    """Whether folder names may be those of classes: most of them say more than how photos are kept.

    >>> are_classes(["glass", "metal", "images"]), are_classes(["images", "masks"])
    (True, False)
    """
    return bool(names) and 2 * sum(map(is_container, names)) <= len(names)


def _is_count(word: str) -> bool:
    return word.isdigit() or len(word) == 1
