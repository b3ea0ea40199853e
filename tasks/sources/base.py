"""What a source of labelled images is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from ray_jobs.contract.dataset import SourceRef, Split
from ray_jobs.photo import MAX_FILE_BYTES
from tasks.photos.rejection import Note, Rejected

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Look(NamedTuple):
    """What is told of a file without reading it; None: not known.

    Attributes:
      size_bytes: as its holder states it.
      stamp: changes when the bytes may have changed.
    """

    size_bytes: int | None = None
    stamp: str | None = None


class File(Protocol):
    """Where the bytes of an image are got, from any thread."""

    def look(self) -> Look:
        """What is told of it now."""
        ...

    def read(self, limit: int) -> bytes:
        """At most so many bytes from the start. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class SourceImage:
    r"""One image file of a source, not yet read.

    Attributes:
      path: relative POSIX path, unique within the source; bytes that are no UTF-8 as `\xff`.
      label: name of its class; empty where it has none, and then there is a problem.
      file: holds its bytes.
      problem: why it is kept out unread.
      notes: what is noted of its name.
      pinned: the split that the source gives it, where that is honoured.
    """

    path: str
    label: str
    file: File
    problem: Rejected | None = None
    notes: frozenset[Note] = frozenset()
    pinned: Split | None = None

    def read(self) -> bytes:
        """Its bytes; of a file that is too large, one more than may be. Raises OSError."""
        return self.file.read(MAX_FILE_BYTES + 1)


class Several(Sized, Protocol[T_co]):
    """Things that can be counted, and gone through more than once."""

    def __iter__(self) -> Iterator[T_co]:
        """From the first on."""
        ...


Images = Several[SourceImage]


@dataclass(frozen=True)
class Made(Generic[T]):
    """Images that are made when they are gone through: a hundred thousand are never held at once.

    Attributes:
      items: what each is made of, in the order of the paths.
      make: makes one.
    """

    items: Several[T]
    make: Callable[[T], SourceImage]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[SourceImage]:
        return map(self.make, self.items)


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

    def images(self) -> Images:
        """Every image file, sorted by path, each path once."""
        ...
