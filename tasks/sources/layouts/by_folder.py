"""The images of a tree whose folders tell the classes; each is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from operator import attrgetter

from ray_jobs.contract.dataset import Split
from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import Images, Made, SourceImage
from tasks.sources.layouts.base import labelled, split_of, unlabelled
from tasks.sources.layouts.folders import Folders
from tasks.sources.trees.base import TreeFile

_BESIDE = Rejected(Rejection.NO_LABEL, "it lies beside the class folders")


def read_folder(folders: Folders) -> Images:
    """Every file below a class folder; the folders in it may name splits."""
    return Made(_in_order(folders.top.values()), partial(_of_class, len(folders.base)))


def read_split(folders: Folders) -> Images:
    """The same of every split."""
    return _read_below(folders, folders.splits)


def read_containers(folders: Folders) -> Images:
    """The same of every container."""
    return _read_below(folders, dict.fromkeys(folders.top))


def _of_class(start: int, file: TreeFile) -> SourceImage:
    name, _, inside = file.path[start:].partition("/")
    return labelled(file, name, split_of(inside))


def _read_below(folders: Folders, homes: Mapping[str, Split | None]) -> Images:
    levels = {name: folders.below(name) for name in homes}
    start = len(folders.base)

    def made(file: TreeFile) -> SourceImage:
        home = file.path[start:].partition("/")[0]
        label, split = levels[home].holder(file.path), homes[home] or split_of(file.path)
        return unlabelled(file, _BESIDE, split) if label is None else labelled(file, label, split)

    return Made(_in_order(folders.top[name] for name in homes), made)


def _in_order(several: Iterable[list[TreeFile]]) -> list[TreeFile]:
    return sorted(chain.from_iterable(several), key=attrgetter("path"))
