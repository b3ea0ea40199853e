"""`sortline dataset` on the real stack: what it tells, what it removes, what it draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from infra.local.stack import Stack
from ray_jobs.contract import keys
from ray_jobs.contract.dataset import DatasetManifest
from ray_jobs.storage import ObjectStore, connect, read_document
from tests.e2e.sortline import sortline, succeed
from tests.tasks.ingest.pictures import make_tree, photo
from tests.tasks.ingest.test_ingest import run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

STRAY = keys.raw_image("0" * 64)


class Tidy(NamedTuple):
    """A data set `tidy` of two versions, and the store that it lies in."""

    home: Path
    store: ObjectStore
    first: dict[str, Any]
    second: dict[str, Any]


@pytest.fixture(scope="module")
def tidy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidy]:
    """Ingested without Airflow: so no retraining starts."""
    source = make_tree(tmp_path_factory.mktemp("tidy"), {"可回收物": 12, "glass": 12})
    (source / "glass" / "doubtful.jpg").write_bytes(photo(900))
    (source / "可回收物" / "doubtful.jpg").write_bytes(photo(900))
    settings = stack.settings()
    credentials = Path(stack.environment()["AWS_SHARED_CREDENTIALS_FILE"])
    store = connect(
        settings.bucket, endpoint=settings.s3_endpoint, profile="ingest", credentials=credentials
    )
    first = run(store, source, name="tidy", ingest_id="1")
    make_tree(source, {"glass": 1}, first_seed=500)
    second = run(store, source, name="tidy", ingest_id="2")
    yield Tidy(stack.home, store, dict(first), dict(second))
    prefixes = (keys.raw_prefix(), keys.shard_prefix(), "datasets/tidy/", "seen/tidy/")
    for prefix in (*prefixes, "staging/tidy/"):
        store.delete(list(store.keys(prefix)))


def test_ls_shows_the_newest_version(tidy: Tidy):
    (found,) = [
        one for one in succeed(tidy.home, "dataset", "ls")["datasets"] if one["dataset"] == "tidy"
    ]
    assert (found["version"], found["versions"]) == (tidy.second["version"], 2)
    assert (found["images"], found["classes"]) == (25, 2)
    assert found["published"].startswith("20")


def test_show_takes_the_first_digits_of_a_version(tidy: Tidy):
    text = f"tidy@{tidy.first['version'][:6]}"
    told = succeed(tidy.home, "dataset", "show", text)
    assert (told["version"], told["latest"]) == (tidy.first["version"], tidy.second["version"])
    assert told["images"]["conflict"] == 2
    assert len(told["conflicts"][0]) == 2
    shown = sortline(tidy.home, "dataset", "show", text)
    assert shown.code == 0
    assert "可回收物/doubtful.jpg" in shown.out


def test_diff_names_what_was_added(tidy: Tidy):
    texts = [f"tidy@{one['version']}" for one in (tidy.first, tidy.second)]
    told = succeed(tidy.home, "dataset", "diff", *texts)
    assert [row["path"] for row in told["added"]] == ["glass/0500.jpg"]
    assert told["moved"] == told["removed"] == []
    assert "a split never changes" in sortline(tidy.home, "dataset", "diff", *texts).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "tody"], "Did you mean 'tidy'?"),
        (["show", "tidy@zz"], "'tidy' has no version 'zz'"),
        (["diff", "tidy", "nothing"], "there is no data set 'nothing'"),
        (["gc", "--older-than", "-1"], "--older-than"),
        (["preview", "--recipe", "lite0", "--name", "tidy"], "there is no recipe 'lite0'"),
        (["preview", "--recipe", "lite0_probe", "--name", "tidy", "--split", "all"], "--split"),
    ],
)
def test_a_mistake_exits_2_and_says_what_would_do(tidy: Tidy, arguments: list[str], told: str):
    answer = sortline(tidy.home, "dataset", *arguments)
    assert answer.code == 2
    assert told in answer.told


def test_gc_removes_what_nothing_refers_to_and_nothing_else(tidy: Tidy):
    tidy.store.put(STRAY, b"stray")
    young = succeed(tidy.home, "dataset", "gc")
    assert not any(found["count"] for found in young["garbage"].values())
    told = succeed(tidy.home, "dataset", "gc", "--dry-run", "--older-than", "0")
    assert told["garbage"]["raw"] == {"count": 1, "size_bytes": 5, "keys": [STRAY]}
    assert tidy.store.exists(STRAY)
    before = set(tidy.store.keys(""))
    removed = succeed(tidy.home, "dataset", "gc", "--older-than", "0")["garbage"]
    gone = before - set(tidy.store.keys(""))
    assert gone == {key for found in removed.values() for key in found["keys"]}
    assert STRAY in gone
    assert all(key == STRAY or key.endswith("/published.json") for key in gone)
    for published in (tidy.first, tidy.second):
        key = keys.manifest("tidy", published["version"])
        manifest = read_document(tidy.store, DatasetManifest, key)
        assert all(tidy.store.exists(r.key) for refs in manifest.shards.values() for r in refs)


def test_gc_leaves_everything_while_an_ingest_is_under_way(tidy: Tidy):
    staged = keys.staging("tidy", "3", "source.json")
    tidy.store.put(staged, b"{}")
    try:
        answer = sortline(tidy.home, "dataset", "gc")
    finally:
        tidy.store.delete([staged])
    assert answer.code == 3
    assert "an ingest is under way" in answer.told
    assert not tidy.store.exists(keys.collecting())


def test_preview_draws_every_sheet(tidy: Tidy, tmp_path: Path):
    out = tmp_path / "sheets"
    arguments = ["--recipe", "b0_scratch", "--name", "tidy", "--out", str(out)]
    told = succeed(tidy.home, "dataset", "preview", *arguments)
    drawn = {sheet["file"]: sheet["images"] for sheet in told["sheets"]}
    assert drawn.pop(None) == 0  # of near-duplicates there are none
    counts = {"class-0-glass.png": 9, "class-1.png": 8, "conflicts.png": 2, "augmented.png": 17}
    assert drawn == counts
    for name in drawn:
        with Image.open(out / name) as sheet:
            assert sheet.format == "PNG"


def test_preview_into_a_file_is_refused(tidy: Tidy, tmp_path: Path):
    (tmp_path / "taken").write_text("")
    arguments = ["--recipe", "b0_scratch", "--name", "tidy", "--out", str(tmp_path / "taken")]
    answer = sortline(tidy.home, "dataset", "preview", *arguments)
    assert answer.code == 2
    assert "is no folder to write to" in answer.told
