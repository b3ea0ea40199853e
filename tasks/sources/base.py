"""What a source of labelled images is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ray_jobs.contract.dataset import SourceRef


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image file of a source, not yet read.

    Attributes:
      path: relative POSIX path, unique within the source.
      label: name of its class.
      read: its bytes; more than the limit of `tasks.images` need not be read. Raises OSError.
    """

    path: str
    label: str
    read: Callable[[], bytes]


class Source(Protocol):
    """Labelled images, wherever they lie."""

    def describe(self) -> SourceRef:
        """Where the images come from, without credentials."""
        ...

    def dataset_name(self) -> str:
        """The name of its data set, where the user gives none. Raises SpecError."""
        ...

    def images(self) -> Iterator[SourceImage]:
        """Every image file, sorted by path."""
        ...
