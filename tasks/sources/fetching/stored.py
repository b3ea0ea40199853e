"""A file that is one object of a bucket."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ray_jobs.storage import Listed
from tasks.sources.fetching.remote import Coming, Told
from tasks.sources.trees.bucket import Bucket


class StoredFile:
    """One object, as it was when it was looked at."""

    def __init__(self, bucket: Bucket, listed: Listed) -> None:
        self._bucket = bucket
        self._listed = listed
        self.name = self.key = bucket.uri(listed.key)

    def look(self) -> Told:
        """Size and tag."""
        return Told(self._listed.size_bytes, self._listed.etag)

    @contextmanager
    def opened(self, start: int, told: Told) -> Generator[Coming]:
        """Its bytes from `start` on."""
        with self._bucket.opened(self._listed, start) as chunks:
            yield Coming(start, told, chunks)
