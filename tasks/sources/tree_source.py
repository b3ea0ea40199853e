"""A tree of files, read as labelled images by its layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import attrgetter

from ray_jobs.contract.dataset import SourceRef, Split
from ray_jobs.contract.errors import DataError
from tasks.photos.rejection import Rejection
from tasks.sources.address import Address
from tasks.sources.base import Images, Made, SourceImage
from tasks.sources.layouts.base import absent
from tasks.sources.layouts.kinds import Layout
from tasks.sources.layouts.recognise import Read, read_tree
from tasks.sources.litter import is_litter
from tasks.sources.trees.base import Tree, TreeFile


@dataclass(frozen=True)
class Reading:
    """How a tree is read.

    Attributes:
      layout: how the classes are told; None looks and decides.
      keep_test: pin the images of the source's own test split to ours.
      table: path of the table that the user named, if he did.
    """

    layout: Layout | None = None
    keep_test: bool = False
    table: str | None = None


class TreeSource:
    """Labelled images of a tree.

    Ignored, and not counted: hidden files and folders, what file managers leave behind, and what
    the layout ignores. Kept out, and told: links, paths that lead outside, labels without a photo.
    """

    def __init__(
        self,
        address: Address,
        tree: Callable[[], Tree],
        look: Callable[[], None] | None,
        how: Reading,
    ) -> None:
        """Open nothing yet.

        Args:
          address: where it lies.
          tree: opens the tree; may fetch it.
          look: what `check` does; None: read all but the photos.
          how: how it is read.
        """
        self._address = address
        self._open_tree = tree
        self._look = look
        self._how = how

    def describe(self) -> SourceRef:
        """Where the images come from, and by which layout they were read."""
        layout = self._read.layout.value
        keep_test = self._how.keep_test
        return SourceRef(uri=self._address.public, format=layout, keep_test=keep_test)

    def dataset_name(self) -> str:
        """The last part of the address, made plain. Raises SpecError where nothing is left."""
        return self._address.dataset_name()

    def check(self) -> None:
        """Tell at once what can be told without fetching it all. Raises SpecError, DataError."""
        if self._look is None:
            _ = self._read
        else:
            self._look()

    def images(self) -> Images:
        """Every image file, sorted by path, each path once.

        Raises:
          SpecError: it cannot be listed or fetched.
          DataError: it holds no image, has no layout or two of them, or no test split to keep.
        """
        return self._read.images

    @cached_property
    def _tree(self) -> Tree:
        return self._open_tree()

    @cached_property
    def _read(self) -> Read:
        inside: list[TreeFile] = []
        outside: list[TreeFile] = []
        for file in self._tree.files():
            if file.problem is not None and file.problem.reason is Rejection.OUTSIDE:
                outside.append(file)
            elif not is_litter(file.path):
                inside.append(file)
        inside.sort(key=attrgetter("path"))
        read = read_tree(inside, self._how.layout, self._how.table)
        images = _with(outside, read.images)
        _refuse_empty(images, self._address.public)
        return Read(read.layout, _pinned(images, keep_test=self._how.keep_test))


def _with(outside: list[TreeFile], images: Images) -> Images:
    """The images and the files that lead outside; a table may name one of the latter, too."""
    if not outside:
        return images
    told = {file.path: absent(file.path, file.problem) for file in outside if file.problem}
    every = told | {image.path: image for image in images}
    return [every[path] for path in sorted(every)]


def _pinned(images: Images, *, keep_test: bool) -> Images:
    """The images, those of the source's test split pinned to it if asked, the others free."""
    if keep_test and not any(image.pinned is Split.TEST for image in images):
        raise DataError(
            "the source has no test split that could be kept",
            "a folder named test, or a table with a column split",
            "Leave out --keep-test",
        )
    return Made(images, partial(_pinned_to, Split.TEST if keep_test else None))


def _pinned_to(kept: Split | None, image: SourceImage) -> SourceImage:
    is_free = image.pinned is None or image.pinned is kept
    return image if is_free else replace(image, pinned=None)


def _refuse_empty(images: Images, uri: str) -> None:
    if len(images):
        return
    raise DataError(
        f"'{uri}' holds no image",
        "photos in one sub-folder a class, or another format that is known",
        "Put the photos of each class in a sub-folder that has the class's name",
    )
