"""What a source of labelled images is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ray_jobs.contract.dataset import SourceRef, Split
from tasks.rejection import Note, Rejected


@dataclass(frozen=True, slots=True)
class SourceImage:
    r"""One image file of a source, not yet read.

    Attributes:
      path: relative POSIX path, unique within the source; bytes that are no UTF-8 as `\xff`.
      label: name of its class; empty where it has none, and then there is a problem.
      read: its bytes; more than the limit of `tasks.images` need not be read. Raises OSError.
      size_bytes: as the source states it, None where it does not.
      stamp: changes when the bytes may have changed; known without reading them. None: unknown.
      problem: why it is kept out unread.
      notes: what is noted of its name.
      pinned: the split that the source gives it, where that is honoured.
    """

    path: str
    label: str
    read: Callable[[], bytes]
    size_bytes: int | None = None
    stamp: str | None = None
    problem: Rejected | None = None
    notes: frozenset[Note] = frozenset()
    pinned: Split | None = None


class Source(Protocol):
    """Labelled images, wherever they lie."""

    def describe(self) -> SourceRef:
        """Where the images come from, without credentials."""
        ...

    def dataset_name(self) -> str:
        """The name of its data set, where the user gives none. Raises SpecError."""
        ...

    def check(self) -> None:
        """Tell at once what can be told without fetching it all.

        Raises:
          SpecError: nothing is there, or nothing that can be read.
          DataError: it holds no image.
        """
        ...

    def images(self) -> Iterator[SourceImage]:
        """Every image file, sorted by path."""
        ...
