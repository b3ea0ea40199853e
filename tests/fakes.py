"""Fakes for unit tests; everything else runs on the real part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ray_jobs.storage import Listed, MissingObjectError, Tagged


class InMemoryStore:
    """A `ray_jobs.storage.Store` in a dictionary, with the same conditional writes.

    Its clock stands at `now` until a test sets it.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
        self.modified: dict[str, datetime] = {}

    def uri(self, key: str) -> str:
        return f"s3://memory/{key}"

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise MissingObjectError(f"{self.uri(key)} does not exist", "an object", "Make it")
        return self.objects[key]

    def get_tagged(self, key: str) -> Tagged | None:
        data = self.objects.get(key)
        return None if data is None else Tagged(data, hashlib.md5(data).hexdigest())

    def exists(self, key: str) -> bool:
        return key in self.objects

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self.modified[key] = self.now

    def put_once(self, key: str, data: bytes) -> bool:
        return self.compare_and_set(key, data, etag=None)

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        found = self.get_tagged(key)
        if (found.etag if found else None) != etag:
            return False
        self.objects[key] = data
        self.modified[key] = self.now
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def listed(self, prefix: str) -> Iterator[Listed]:
        for key in self.keys(prefix):
            data = self.objects[key]
            etag = hashlib.md5(data).hexdigest()
            yield Listed(key, len(data), etag, self.modified.get(key, self.now))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)
