"""The objects below a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from ray_jobs.contract.errors import DataError
from ray_jobs.storage import Listed, MissingObjectError
from tasks.sources.base import Look
from tasks.sources.trees.base import TreeFile


class Bucket(Protocol):
    """What a source asks of a bucket; `ray_jobs.storage.ObjectStore` is one."""

    def uri(self, key: str) -> str:
        """The `s3://` address of a key."""
        ...

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, sorted by key, without directory markers."""
        ...

    def look(self, key: str) -> Listed | None:
        """What is told of one object, or None where nothing lies at the key."""
        ...

    def opened(
        self, listed: Listed, start: int = 0
    ) -> AbstractContextManager[Iterator[bytes], bool | None]:
        """The bytes of an object from `start` on, in chunks. Raises MissingObjectError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object(TreeFile):
    """An object as it was listed."""

    bucket: Bucket
    listed: Listed

    def look(self) -> Look:
        size_bytes = self.listed.size_bytes
        return Look(size_bytes, f"{self.listed.etag}:{size_bytes}")

    def read(self, limit: int) -> bytes:
        with _as_os_error(), self.bucket.opened(self.listed) as chunks:
            data = bytearray()
            for chunk in chunks:
                data += chunk
                if len(data) >= limit:
                    break
            return bytes(data[:limit])


class BucketTree:
    """A prefix as a folder: `photos` and `photos/` are the same, `photos2/` is another one."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def check(self) -> None:
        """Look for one object. Raises DataError where there is none."""
        if next(self._bucket.listed(self._prefix), None) is None:
            raise DataError(
                f"nothing lies below {self._bucket.uri(self._prefix)}",
                "photos and their labels below the prefix, or an archive at the key",
                "Correct the address",
            )

    def files(self) -> Iterator[TreeFile]:
        """Every object."""
        for found in self._bucket.listed(self._prefix):
            path = found.key.removeprefix(self._prefix)
            yield _Object(path, bucket=self._bucket, listed=found)


@contextmanager
def _as_os_error() -> Generator[None]:
    try:
        yield
    except MissingObjectError as error:
        raise OSError(error.fact) from error
