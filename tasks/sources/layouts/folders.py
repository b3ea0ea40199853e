"""Class folders, and a pre-split tree of them; folders that merely wrap others are looked through.

A class is the first folder below the wrappers; what lies deeper in it belongs to it. Ignored, and
not counted: files beside the class folders, and label, rule and licence files anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ray_jobs.contract.dataset import Split
from tasks.rejection import Rejected, Rejection
from tasks.sources.base import SourceImage
from tasks.sources.layouts.base import labelled, split_named, unlabelled
from tasks.sources.litter import is_paper, is_picture_name
from tasks.sources.trees.base import TreeFile

_BESIDE = Rejected(Rejection.NO_LABEL, "it lies in a split, and in no class folder")


@dataclass(frozen=True)
class Folders:
    """The folders of a tree, as far as they hold pictures."""

    files: Sequence[TreeFile]

    @cached_property
    def photos(self) -> list[TreeFile]:
        """All but papers."""
        return [file for file in self.files if not is_paper(file.path)]

    @cached_property
    def base(self) -> str:
        """The path of the folder that holds the class folders or the splits; empty or with `/`."""
        return _base(self.photos, "")

    @cached_property
    def top(self) -> Mapping[str, list[TreeFile]]:
        """The folders in it that hold pictures."""
        return _folders(self.photos, self.base)

    @cached_property
    def splits(self) -> dict[str, Split]:
        """Those of them that are named like splits, where they are several splits."""
        named = {name: split for name in self.top if (split := split_named(name))}
        return named if len(set(named.values())) > 1 else {}

    @property
    def has_split_classes(self) -> bool:
        """Whether it is a pre-split tree: splits, and class folders in one of them at least."""
        return any(_classes(self.top[name], f"{self.base}{name}/") for name in self.splits)

    @property
    def classes(self) -> list[str]:
        """The names of the class folders, those of splits aside."""
        return sorted(self.top.keys() - self.splits.keys())


def read_folder(folders: Folders) -> list[SourceImage]:
    """Every file below a class folder, whatever it is named like."""
    return [labelled(file, name) for name, files in folders.top.items() for file in files]


def read_split(folders: Folders) -> list[SourceImage]:
    """The same of every split."""
    images: list[SourceImage] = []
    for name, split in folders.splits.items():
        files, base = folders.top[name], f"{folders.base}{name}/"
        classes = _classes(files, base)
        placed = {file.path: label for label, below in classes.items() for file in below}
        for file in files:
            label = placed.get(file.path)
            images.append(
                unlabelled(file, _BESIDE, split) if label is None else labelled(file, label, split)
            )
    return images


def _classes(files: Sequence[TreeFile], base: str) -> Mapping[str, list[TreeFile]]:
    return _folders(files, _base(files, base))


def _base(files: Sequence[TreeFile], base: str) -> str:
    """The first folder on the way down that holds several folders with pictures.

    Where there is none, the way ends in a single class: the highest folder with pictures of its
    own.
    """
    at, home = base, None
    while len(below := _folders(files, at)) == 1:
        ((name, files),) = below.items()
        inner = f"{at}{name}/"
        if home is None and any("/" not in file.path[len(inner) :] for file in _pictures(files)):
            home = at
        at = inner
    if below:
        return at
    return base if home is None else home


def _folders(files: Sequence[TreeFile], base: str) -> dict[str, list[TreeFile]]:
    """The direct sub-folders of a folder that hold a picture, with all their files."""
    found: defaultdict[str, list[TreeFile]] = defaultdict(list)
    for file in files:
        if file.path.startswith(base):
            name, deeper, _ = file.path[len(base) :].partition("/")
            if deeper:
                found[name].append(file)
    wanted = {name for name, inside in found.items() if _pictures(inside)}
    return {name: inside for name, inside in found.items() if name in wanted or not wanted}


def _pictures(files: Sequence[TreeFile]) -> list[TreeFile]:
    return [file for file in files if is_picture_name(file.path)]
