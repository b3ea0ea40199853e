"""Huawei's garbage format: `img_1.jpg` beside `img_1.txt`, whose one line is `img_1.jpg, 0`.

The number is an index into `garbage_classify_rule.json` where that is there, `{"0": "name", ...}`;
else it is the name itself. https://competition.huaweicloud.com/information/1000007620/introduction
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import PurePosixPath
from typing import NamedTuple, cast

from ray_jobs.contract.errors import DataError
from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import absent, labelled, split_of, unlabelled
from tasks.sources.litter import is_paper
from tasks.sources.trees.base import TreeFile

RULE_FILE = "garbage_classify_rule.json"
THREADS = 16
_SAMPLE = 20
_LABEL_BYTES = 1024
_RULE_BYTES = 2**20
_LINE = re.compile(r"([^,\r\n]+?)\s*,\s*([0-9]{1,6})\s*")
_NO_LABEL = Rejected(Rejection.NO_LABEL, "no label file names it")
_TWICE = Rejected(Rejection.TWO_LABELS, "two label files name it")


class Line(NamedTuple):
    """What a label file says."""

    image: str
    number: str


def paired(files: Sequence[TreeFile]) -> list[TreeFile]:
    """The photos that have a label file of this format beside them; none where few do.

    A tree of class folders may hold text files of other kinds: a sample of them is read.
    """
    texts = {_stem(file.path): file for file in files if _is_label_file(file)}
    if not texts:
        return []
    photos = [f for f in files if not is_paper(f.path) and _stem(f.path) in texts]
    sample = photos[:: max(1, len(photos) // _SAMPLE)][:_SAMPLE]
    read = _read_all([texts[_stem(photo.path)] for photo in sample])
    hits = sum(isinstance(line, Line) for line in read)
    return photos if sample and 2 * hits >= len(sample) else []


def read_huawei(files: Sequence[TreeFile]) -> list[SourceImage]:
    """Every photo with the class that its label file gives it, and every label without a photo.

    Raises:
      DataError: the rule file cannot be read.
    """
    rules = _rules(files)
    photos = {file.path: file for file in files if not is_paper(file.path)}
    by_stem = {_stem(path): photo for path, photo in photos.items()}
    texts = [file for file in files if _is_label_file(file)]
    found: dict[str, SourceImage] = {}
    for text, line in zip(texts, _read_all(texts), strict=True):
        if isinstance(line, Rejected):
            image = _without_line(text, line, by_stem.get(_stem(text.path)))
        else:
            image = _with_line(text, line, photos, rules)
        if image.path in found:
            # Two files that say the same are one; a photo under two labels is under none.
            other = found[image.path]
            if other.label != image.label and image.path in photos:
                image = unlabelled(photos[image.path], _TWICE, split_of(image.path))
        found[image.path] = image
    rest = (photo for path, photo in photos.items() if path not in found)
    images = [*found.values(), *(unlabelled(one, _NO_LABEL, split_of(one.path)) for one in rest)]
    return sorted(images, key=attrgetter("path"))


def _without_line(text: TreeFile, why: Rejected, photo: TreeFile | None) -> SourceImage:
    """The photo beside a label file that cannot be read, or that file itself."""
    if photo is None:
        return absent(text.path, why)
    return unlabelled(photo, why, split_of(photo.path))


def _with_line(
    text: TreeFile, line: Line, photos: Mapping[str, TreeFile], rules: Mapping[str, str] | None
) -> SourceImage:
    """The photo that a label file names, with its class or what is wrong."""
    path = str(PurePosixPath(text.path).with_name(line.image.rpartition("/")[2]))
    if path not in photos:
        return absent(path, Rejected(Rejection.MISSING, f"{text.path} names it"))
    split = split_of(path)
    if rules is None:
        return labelled(photos[path], line.number, split)
    if line.number not in rules:
        why = f"{text.path} says {line.number}, the rules have {len(rules)} classes"
        return unlabelled(photos[path], Rejected(Rejection.UNKNOWN_CLASS, why), split)
    return labelled(photos[path], rules[line.number], split)


def _read_all(texts: Sequence[TreeFile]) -> list[Line | Rejected]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(_read_line, texts))


def _read_line(file: TreeFile) -> Line | Rejected:
    """What a label file says, or what is wrong with it."""
    if file.problem is not None:
        return file.problem
    try:
        text = file.read(_LABEL_BYTES).decode("utf-8-sig").strip()
    except OSError as error:
        return Rejected(Rejection.LABEL_FILE, f"{file.path}: {error.strerror or error}")
    except UnicodeDecodeError:
        return Rejected(Rejection.LABEL_FILE, f"{file.path} is no UTF-8")
    found = _LINE.fullmatch(text)
    if found is None:
        return Rejected(Rejection.LABEL_FILE, f"{file.path} says {text[:80]!r}")
    return Line(found[1], str(int(found[2])))


def _rules(files: Sequence[TreeFile]) -> dict[str, str] | None:
    """Index -> name, of the rule file that lies highest; None where there is none."""
    named = [f for f in files if PurePosixPath(f.path).name.lower() == RULE_FILE]
    if not named:
        return None
    file = min(named, key=lambda one: (one.path.count("/"), one.path))
    try:
        rules: object = json.loads(file.read(_RULE_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise _bad_rules(file.path, str(error)) from error
    if not isinstance(rules, dict):
        raise _bad_rules(file.path, f"it holds a {type(rules).__name__}")
    names = cast("dict[str, object]", rules)
    if not all(key.isdigit() and isinstance(name, str) for key, name in names.items()):
        raise _bad_rules(file.path, "a key is no index, or a name no text")
    return {str(int(key)): str(name) for key, name in names.items()}


def _bad_rules(path: str, why: str) -> DataError:
    return DataError(
        f"the rule file {path} cannot be read: {why}",
        'JSON in UTF-8: {"0": "name of the first class", ...}',
        "Repair it, or remove it to keep the numbers as names",
    )


def _is_label_file(file: TreeFile) -> bool:
    stem, _, ending = file.path.lower().rpartition(".")
    return ending == "txt" and not is_paper(stem)


def _stem(path: str) -> str:
    return path.rpartition(".")[0] or path
