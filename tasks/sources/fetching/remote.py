"""A file of another machine, read from any position."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a file without reading it.

    Attributes:
      size_bytes: None where it is not told.
      version: what changes with the bytes, so that a broken fetch can go on; None: not told.
    """

    size_bytes: int | None
    version: str | None


class Coming(NamedTuple):
    """The bytes of a file from a position on, which may be another one than was asked for."""

    start: int
    told: Told
    chunks: Iterator[bytes]


class Remote(Protocol):
    """One file."""

    @property
    def name(self) -> str:
        """Its address as it may be shown."""
        ...

    @property
    def key(self) -> str:
        """What tells it from every other file; may be a secret."""
        ...

    def look(self) -> Told:
        """What is told of it. Raises SpecError, CredentialError, ClusterError."""
        ...

    def opened(self, start: int, told: Told) -> AbstractContextManager[Coming, bool | None]:
        """Its bytes from `start` on, if it is still the version that was told of, or else all.

        Raises:
          ClusterError: the connection broke, here or while the chunks come.
          SpecError, CredentialError: it is not there, or is refused.
        """
        ...
