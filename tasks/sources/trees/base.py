"""A tree: files by path, whatever holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tasks.photos.rejection import Rejected
from tasks.sources.base import Look

_SPELT_OUT = re.compile(r"\\x(?=[89a-f][0-9a-f])")


@dataclass(frozen=True, slots=True)
class TreeFile:
    r"""One file of a tree, not yet read. By itself it holds no bytes: each tree has its own kind.

    A tree of a hundred thousand files is held at once: keep it small.

    Attributes:
      path: relative POSIX path, as it is written down.
      problem: why it must not be read.
      is_escaped: whether its name is no UTF-8, and `path` shows the bytes as `\xff`.
    """

    path: str
    problem: Rejected | None = None
    is_escaped: bool = False

    def look(self) -> Look:
        """What its tree tells of it, without reading it."""
        return Look()

    def read(self, limit: int) -> bytes:
        """At most so many bytes from the start, from any thread. Raises OSError."""
        raise OSError(f"not read, whatever the limit of {limit} bytes")


class Tree(Protocol):
    """Files by path."""

    def files(self) -> Iterator[TreeFile]:
        """Every file, each path once, in no order; links, but not what they lead to.

        Raises:
          SpecError: it cannot be listed.
          DataError: it is no archive, or a broken one.
        """
        ...


def shown(name: str) -> tuple[str, bool]:
    r"""A name as it is written down, and whether its bytes were no UTF-8.

    >>> shown("caf\udce9.jpg")
    ('caf\\xe9.jpg', True)

    A name that spells such bytes out itself is told apart by a second backslash.

    >>> shown(r"caf\xe9.jpg")
    ('caf\\\\xe9.jpg', False)

    Args:
      name: with bytes that are no UTF-8 as surrogates, as Python's file functions give it.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return (_SPELT_OUT.sub(r"\\\\x", name), False) if text == name else (text, True)
