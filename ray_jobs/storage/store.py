"""What Sortline asks of an object store; a test may stand in for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from ray_jobs.contract.errors import SortlineError


class MissingObjectError(SortlineError):
    """Nothing lies at the key. Where a user named it, the caller says so in the user's words."""


class Tagged(NamedTuple):
    """An object's bytes and the tag that a later `compare_and_set` must still find."""

    data: bytes
    etag: str


class Listed(NamedTuple):
    """An object as a listing tells it; `modified` is in UTC."""

    key: str
    size_bytes: int
    etag: str
    modified: datetime


class Store(Protocol):
    """What Sortline asks of an object store."""

    def uri(self, key: str) -> str:
        """The `s3://` address of a key."""
        ...

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises MissingObjectError."""
        ...

    def get_tagged(self, key: str) -> Tagged | None:
        """An object's bytes with its tag, or None where nothing lies at the key."""
        ...

    def exists(self, key: str) -> bool:
        """Whether an object lies at the key."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write an object, over whatever lies there."""
        ...

    def put_once(self, key: str, data: bytes) -> bool:
        """Write an object where none lies (If-None-Match: *); False where one did."""
        ...

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """Write only if the object is still the one tagged `etag` (None: absent)."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below a prefix, sorted, without directory markers."""
        ...

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, sorted by key, without directory markers."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        ...
