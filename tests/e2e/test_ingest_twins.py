"""Two ingests of overlapping sources under one name, at once, on a real store."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ray_jobs.contract.dataset import DatasetManifest, ImageState
from ray_jobs.contract.document import ObjectRef
from ray_jobs.storage import fetch
from tasks.dataset.entries import decode_entries
from tasks.ingest.ledger import read_ledger
from tasks.ingest.workbook import Workbook
from tests.e2e.ingesting import DATASET
from tests.seaweed import LocalStore, object_store
from tests.tasks.ingest.books import rows_of
from tests.tasks.ingest.pictures import make_tree

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_two_ingests_at_once_end_in_two_manifests_and_one_ledger(tmp_path: Path):
    one = make_tree(tmp_path / "one", {"glass": 120, "metal": 120})
    other = make_tree(tmp_path / "other", {"glass": 60, "paper": 80}, first_seed=1000)
    for photo in sorted((one / "metal").iterdir())[:90]:
        (other / "metal").mkdir(exist_ok=True)
        shutil.copy(photo, other / "metal" / photo.name)
    with object_store() as store:
        running = [begin(store, source) for source in (one, other)]
        assert [process.wait(120) for process in running] == [0, 0]
        manifests = [DatasetManifest.from_json(store.get(k), origin=k) for k in keys_of(store)]
        book = Workbook()
        read_ledger(store, DATASET, book)
        ledger = {row[0]: row for row in rows_of(book)}
        assert {m.source.uri for m in manifests} == {str(one), str(other)}
        assert len(ledger) == 240 + 140
        for manifest in manifests:
            entries = decode_entries(fetch(store, manifest.entries))
            kept = [entry for entry in entries if entry.state is ImageState.KEPT]
            assert len(kept) == manifest.images.kept > 0
            for entry in kept:
                assert ledger[entry.photo.sha256][-2:] == (entry.group, entry.split)
            for ref in (ref for refs in manifest.shards.values() for ref in refs):
                fetch(store, ObjectRef(key=ref.key, sha256=ref.sha256, size_bytes=ref.size_bytes))


def keys_of(store: LocalStore) -> list[str]:
    return [key for key in store.keys("datasets/") if key.endswith("/manifest.json")]


def begin(store: LocalStore, source: Path) -> subprocess.Popen[bytes]:
    call = [sys.executable, "-m", "tests.e2e.ingesting", store.url, str(store.credentials)]
    return subprocess.Popen([*call, store.bucket, str(source), source.name])
