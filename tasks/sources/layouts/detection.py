"""Whether a tree is labelled for detection or segmentation: where in a photo things are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from tasks.sources.trees.base import TreeFile

_READ_BYTES = 2**25
_NAMES = re.compile(rb"^\s*names\s*:", re.MULTILINE)


def detection_evidence(files: Sequence[TreeFile], photos: Sequence[TreeFile]) -> str | None:
    """What shows that a tree is labelled so, in words for a message; None where nothing does.

    It reads label files: ask only where no class folder and no table tells the classes.
    """
    homes = {_stem(photo.path) for photo in photos}
    beside = (
        (_in_labels(files, homes), "a folder labels/ with a file for each photo of images/"),
        (_in_places(files, homes, ".xml"), "an .xml beside most photos"),
        (_in_places(files, homes, ".txt"), "a .txt beside most photos"),
    )
    return (
        _first(files, (".yaml", ".yml"), _has_names, "`names:`")
        or _first(files, (".json",), _is_coco, "`annotations` and `categories`")
        or next((told for stems, told in beside if stems and 2 * len(stems) >= len(homes)), None)
    )


def _first(
    files: Iterable[TreeFile], endings: tuple[str, ...], holds: Callable[[bytes], bool], what: str
) -> str | None:
    named = (f for f in files if f.path.lower().endswith(endings) and f.problem is None)
    return next((f"{f.path} with {what}" for f in named if holds(_head(f))), None)


def _head(file: TreeFile) -> bytes:
    try:
        return file.read(_READ_BYTES)
    except OSError:  # it shows nothing then
        return b""


def _has_names(data: bytes) -> bool:
    return _NAMES.search(data) is not None


def _is_coco(data: bytes) -> bool:
    return b'"annotations"' in data and b'"categories"' in data


def _in_places(files: Iterable[TreeFile], homes: set[str], ending: str) -> set[str]:
    return {_stem(file.path) for file in files if file.path.lower().endswith(ending)} & homes


def _in_labels(files: Iterable[TreeFile], homes: set[str]) -> set[str]:
    """The photos below `images` that have a file of the same name below `labels`."""
    images = {_stem_with(stem, "images", "*") for stem in homes if "images/" in stem}
    labels = {_stem_with(_stem(f.path), "labels", "*") for f in files if "labels/" in f.path}
    return images & labels


def _stem_with(stem: str, old: str, new: str) -> str:
    return "/".join(new if part == old else part for part in stem.split("/"))


def _stem(path: str) -> str:
    head, dot, ending = path.rpartition(".")
    return head if dot and "/" not in ending else path
