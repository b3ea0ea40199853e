"""What every layout has in common: from a file and its class to an image of the source."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from ray_jobs.contract.dataset import Split
from tasks.photos.rejection import Note, Rejected, Rejection
from tasks.sources.base import SourceImage
from tasks.sources.litter import other_kind
from tasks.sources.trees.base import TreeFile

_CACHED = 4096  # folders and classes, of which many files have each
_ESCAPED = frozenset({Note.NAME_NOT_UTF8})
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SPLIT_WORD = re.compile(
    r"(?:images?|photos?|data)?"
    r"(?P<name>trainval|train|training|val|valid|validation|dev|eval|test|testing)"
    r"(?:set|data|split|images?|photos?)?"
)
_SPLITS = {
    **dict.fromkeys(("train", "training", "trainval"), Split.TRAIN),
    **dict.fromkeys(("test", "testing"), Split.TEST),
}
_BESIDE_SPLITS = {
    *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures"),
    *("data", "dataset", "set", "split", "folder", "seg", "obj", "label", "labels"),
}


def words(name: str) -> list[str]:
    """The words and numbers of a name, in small letters.

    >>> words("seg_Train2017 (a)")
    ['seg', 'train', '2017', 'a']
    """
    return _WORD.findall(name.lower())


def split_word(name: str) -> tuple[Split, tuple[str, ...]] | None:
    """The split that a word of a name stands for, and what the name says beside it.

    >>> split_word("train2017"), split_word("waste-test")
    ((<Split.TRAIN: 'train'>, ()), (<Split.TEST: 'test'>, ('waste',)))
    """
    parts = words(name)
    for place, word in enumerate(parts):
        if found := _SPLIT_WORD.fullmatch(word):
            others = (*parts[:place], *parts[place + 1 :])
            said = tuple(w for w in others if not w.isdigit() and w not in _BESIDE_SPLITS)
            return _SPLITS.get(found["name"], Split.VAL), said
    return None


def split_named(name: str) -> Split | None:
    """The split that a folder's name, or a table's value, stands for.

    >>> [split_named(name) for name in ("Train", "validation", "test_set", "glass", "test tube")]
    [<Split.TRAIN: 'train'>, <Split.VAL: 'val'>, <Split.TEST: 'test'>, None, None]
    """
    found = split_word(name)
    return found[0] if found is not None and not found[1] else None


def split_of(path: str) -> Split | None:
    """The split that a file's folders name, the outermost first."""
    return _split_of_folder(path.rpartition("/")[0])


def labelled(file: TreeFile, label: str, split: Split | None = None) -> SourceImage:
    """A file with its class."""
    name = class_name(label)
    nameless = None if name else Rejected(Rejection.NO_LABEL, "its class has an empty name")
    return _image(file, name, nameless, split)


def unlabelled(file: TreeFile, problem: Rejected, split: Split | None = None) -> SourceImage:
    """A file whose class is not known, with the reason."""
    return _image(file, "", problem, split)


def absent(path: str, problem: Rejected) -> SourceImage:
    """What is named, and is no file; or a label that belongs to none."""
    return SourceImage(path, "", TreeFile(path), problem)


@lru_cache(_CACHED)
def class_name(text: str) -> str:
    """A class's name as it is written everywhere: one form of each letter, no blanks around.

    macOS writes letters with accents as two characters, which is the same name.
    """
    return unicodedata.normalize("NFC", text).strip()


def some(names: Iterable[str]) -> str:
    """The first few of several names, for a message.

    >>> some("abcde")
    'a, b, c, d, ...'
    """
    listed = list(names)
    return ", ".join(listed[:4]) + (", ..." if listed[4:] else "")


def _image(
    file: TreeFile, label: str, problem: Rejected | None, split: Split | None
) -> SourceImage:
    return SourceImage(
        file.path,
        label,
        file,
        file.problem or _of_other_kind(file.path) or problem,
        _ESCAPED if file.is_escaped else frozenset(),
        split,
    )


@lru_cache(_CACHED)
def _split_of_folder(folder: str) -> Split | None:
    return next((split for name in folder.split("/") if (split := split_named(name))), None)


def _of_other_kind(path: str) -> Rejected | None:
    kind = other_kind(path)
    return Rejected(Rejection.OTHER_KIND, f"{kind}, by its ending") if kind else None
