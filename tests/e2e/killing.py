"""Kill an ingest at a random moment, let it go on, and hold it against one left in peace."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from ray_jobs.storage import ObjectStore, Store
from tests.e2e.ingesting import ingest_all
from tests.fakes import InMemoryStore
from tests.seaweed import LocalStore

_LIMIT_S = 120
_PREFIXES = ("datasets/", "shards/", "raw/")


class Ingests:
    """Ingests of one source into buckets of their own on one store."""

    def __init__(self, store: LocalStore, source: Path) -> None:
        self.store, self.source = store, source
        quiet = InMemoryStore()
        ingest_all(quiet, str(source), "quiet")
        self.expected = published(quiet)
        self.takes_s = self._run(self.store.new_bucket("undisturbed"), "whole")

    def killed_once(self, number: int) -> tuple[ObjectStore, float]:
        """A bucket in which an ingest was killed and then went on; the moment, in seconds."""
        bucket = self.store.new_bucket(f"killed-{number}")
        moment = random.Random(number).uniform(0, self.takes_s)
        self._run(bucket, "first", kill_after_s=moment)
        self._run(bucket, "second")
        return bucket, moment

    def _run(self, bucket: ObjectStore, ingest_id: str, kill_after_s: float | None = None) -> float:
        """Run one, and kill it so long after it has begun; how long it took."""
        call = [sys.executable, "-m", "tests.e2e.ingesting", self.store.url]
        call += [str(self.store.credentials), bucket.bucket, str(self.source), ingest_id]
        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            begun = time.monotonic()
            try:
                code = process.wait(_LIMIT_S if kill_after_s is None else kill_after_s)
                assert code == 0
            except subprocess.TimeoutExpired:
                process.kill()
                assert kill_after_s is not None, "the ingest hangs"
        return time.monotonic() - begun


def published(store: Store) -> dict[str, bytes]:
    """What a version is: manifest, entries, shards, ledger, pointer, originals."""
    return {key: store.get(key) for prefix in _PREFIXES for key in store.keys(prefix)}
