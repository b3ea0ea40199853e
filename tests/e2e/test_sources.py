"""One set of photos, held in every way, through the real object store and a web server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.airflow_api import AirflowApi
from infra.local.stack import Stack
from ray_jobs.storage import connect
from tasks.dataset.entries import decode_entries
from tasks.ingest import steps
from tests.e2e.local_stack import s3_client
from tests.e2e.sortline import succeed
from tests.e2e.waiting import until_announced
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import folder_of, huawei_of, tar_of, zip_of
from tests.tasks.sources.web import web

pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]


def drawn() -> dict[str, bytes]:
    """120 photos of three classes."""
    classes = ("glass", "metal", "paper")
    return {
        f"{label}/{n}.jpg": photo(n * 3 + k) for n in range(40) for k, label in enumerate(classes)
    }


def real() -> dict[str, bytes]:
    """All of TrashNet."""
    folder = Path(os.environ.get("SORTLINE_TRASHNET") or "nowhere")
    if not folder.is_dir():
        pytest.skip("SORTLINE_TRASHNET names no folder with the photos")
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for p in sorted(folder.rglob("*.jpg"))}


@pytest.fixture(scope="module")
def opened(stack: Stack):
    """How the ingest opens a bucket of the stack."""
    settings = stack.settings()
    credentials = Path(stack.environment()["AWS_SHARED_CREDENTIALS_FILE"])

    def bucket(name: str):
        return connect(
            name, endpoint=settings.s3_endpoint, profile="ingest", credentials=credentials
        )

    return bucket


def upload(stack: Stack, prefix: str, files: Mapping[str, bytes]) -> str:
    """Put files below `incoming/`, as the stack's administrator."""
    client = s3_client(stack, "admin")
    bucket = stack.settings().bucket
    for name, data in files.items():
        client.put_object(Bucket=bucket, Key=f"incoming/{prefix}{name}", Body=data)
    return f"s3://{bucket}/incoming/{prefix}"


def split_of(source: str, buckets=None) -> set[tuple[str, str, str]]:
    """(sha256, class, split) of every photo that an ingest keeps."""
    store, address = InMemoryStore(), {"dataset": "waste", "ingest_id": "1"}
    steps.inspect_source(store, steps.Asked(source), buckets=buckets, **address)
    steps.assign_splits(store, **address)
    steps.write_shards(store, **address)
    made = steps.publish(store, **address)
    (key,) = store.keys(f"datasets/waste/{made['version']}/entries-")
    rows = decode_entries(store.get(key))
    return {(row.sha256, row.label, row.split) for row in rows if row.split}


@pytest.mark.parametrize(
    "photos",
    [pytest.param(drawn, marks=pytest.mark.e2e), pytest.param(real, marks=pytest.mark.faults)],
)
def test_every_place_and_form_gives_the_same_images_and_the_same_split(
    stack, photos, opened, tmp_path, monkeypatch
):
    files = photos()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tree, huawei = dict(files), huawei_of(files)
    folder = folder_of(tmp_path / "tree", tree)
    expected = split_of(str(folder))
    assert len(expected) > 0.99 * len(files)
    archives = {
        "tree.zip": zip_of(tmp_path / "tree.zip", tree).read_bytes(),
        "huawei.zip": zip_of(tmp_path / "huawei.zip", huawei).read_bytes(),
        "huawei.tgz": tar_of(tmp_path / "huawei.tgz", huawei, "w:gz").read_bytes(),
    }
    assert split_of(str(folder_of(tmp_path / "huawei", huawei))) == expected
    assert split_of(upload(stack, "tree/", tree), opened) == expected
    assert split_of(upload(stack, "huawei/", huawei).rstrip("/"), opened) == expected
    home = upload(stack, "", archives)
    with web(archives) as server:
        for name in archives:
            assert split_of(str(tmp_path / name)) == expected
            assert split_of(f"{home}{name}", opened) == expected
            assert split_of(f"{server.url}/{name}") == expected


@pytest.mark.e2e
def test_the_dag_ingests_a_bucket_of_the_stack_with_a_class_map(stack, tmp_path):
    few = {
        f"{label}/{n}.jpg": photo(n * 9 + len(label))
        for n in range(6)
        for label in ("a", "bb", "ccc")
    }
    source = upload(stack, "few/", huawei_of(few))
    class_map = tmp_path / "map.yaml"
    class_map.write_text("merge: {玻璃/瓶: [a, bb]}\n", encoding="utf-8")
    made = succeed(
        stack.home, "ingest", "--source", source, "--name", "few", "--class-map", str(class_map)
    )
    assert made["classes"] == {"ccc": 6, "玻璃/瓶": 12}
    assert made["checks"] == {}
    until_announced(AirflowApi(stack.airflow_url, stack.airflow_login()), made["dag_run"])
