"""Class folders, and a pre-split tree of them; folders that merely wrap others are looked through.

A class is the first folder below the wrappers; what lies deeper in it belongs to it. Ignored, and
not counted: files beside the class folders, and label, rule and licence files anywhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ray_jobs.contract.dataset import Split
from tasks.sources.layouts.base import split_named, split_word
from tasks.sources.layouts.containers import are_classes, holds_marks, is_container
from tasks.sources.litter import is_paper, is_picture_name, other_kind
from tasks.sources.trees.base import TreeFile


class Level(NamedTuple):
    """The names of the folders in one folder, whose path `base` is empty or ends in `/`."""

    base: str
    names: frozenset[str]

    def holder(self, path: str) -> str | None:
        """The name of the one of them that a file lies in."""
        if not path.startswith(self.base):
            return None
        name, deeper, _ = path[len(self.base) :].partition("/")
        return name if deeper and name in self.names else None


@dataclass(frozen=True)
class Folders:
    """The folders of a tree, as far as they hold pictures; `files` are sorted by path."""

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
        """The folders in it that hold pictures, by name."""
        return dict(sorted(_folders(self.photos, self.base).items()))

    @cached_property
    def splits(self) -> dict[str, Split]:
        """Those of them that are named like splits, where they are several.

        A name may say more than the split, if several say the same: `waste_train`, `waste_test`.
        """
        found = {name: word for name in self.top if (word := split_word(name))}
        said = Counter(more for _, more in found.values())
        named = {name: split for name, (split, more) in found.items() if not more or said[more] > 1}
        return named if len(named) > 1 else {}

    @cached_property
    def split_classes(self) -> list[str]:
        """The names of the class folders in the splits."""
        return sorted({name for split in self.splits for name in self.below(split).names})

    @property
    def has_split_classes(self) -> bool:
        """Whether it is a pre-split tree: splits, and class folders in one of them at least."""
        return are_classes(self.split_classes)

    @cached_property
    def common(self) -> list[str]:
        """The folders in the folders, where they may be classes and all have some by one name."""
        inside = [self.below(name).names for name in self.top]
        every = set[str]().union(*inside)
        in_all = every.intersection(*inside)
        is_common = len(inside) > 1 < len(in_all) and not any(map(split_named, every))
        return sorted(every) if is_common and are_classes(every) else []

    @property
    def shared(self) -> list[str]:
        """The classes, where all folders are containers that hold photos of the same ones."""
        are_alike = all(is_container(name) and not holds_marks(name) for name in self.top)
        return self.common if are_alike else []

    def below(self, name: str) -> Level:
        """The class folders in one of the folders, wrappers looked through."""
        base = _base(self.top[name], f"{self.base}{name}/")
        return Level(base, frozenset(_folders(self.top[name], base)))

    @property
    def classes(self) -> list[str]:
        """The names of the class folders, those of splits aside."""
        return sorted(self.top.keys() - self.splits.keys())


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
    """The direct sub-folders of a folder that hold what may be a picture, with all their files."""
    found: defaultdict[str, list[TreeFile]] = defaultdict(list)
    for file in files:
        if file.path.startswith(base):
            name, deeper, _ = file.path[len(base) :].partition("/")
            if deeper:
                found[name].append(file)
    wanted = {name for name, all_ in found.items() if not all(other_kind(f.path) for f in all_)}
    return {name: inside for name, inside in found.items() if name in wanted or not wanted}


def _pictures(files: Sequence[TreeFile]) -> list[TreeFile]:
    return [file for file in files if is_picture_name(file.path)]
