"""What the form of an ingest says reaches the ingest; whose keys open a source's bucket."""

from __future__ import annotations

import json

import pytest

from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import CredentialError
from tasks.dataset.entries import decode_entries
from tasks.ingest.staging import Staged, Staging
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import folder_of, zip_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

FILES = {
    f"{split}/{label}/{n}.jpg": photo(n + 10 * len(split) + 100 * len(label))
    for split in ("train", "val", "test")
    for label in ("a", "bb", "ccc")
    for n in range(2)
}


def test_what_the_form_says_reaches_the_ingest(staged, store, tmp_path):
    conf = {
        "source": str(zip_of(tmp_path / "t.zip", FILES)),
        "name": "waste",
        "format": "split",
        "class_map": "merge: {a: [bb]}",
        "keep_test": True,
    }
    stage = staged("ingest_dataset", conf=conf)
    answer = stage.run("inspect")
    assert (answer["dataset"], answer["files"], answer["checks"]) == ("waste", 18, {})
    staging = Staging(store, "waste", answer["ingest_id"])
    source = json.loads(staging.read(Staged.SOURCE))
    assert (source["format"], source["keep_test"]) == ("split", True)
    assert source["class_map"] == {"bb": "a"}
    rows = decode_entries(staging.read(Staged.INSPECTED))
    assert {row.label for row in rows} == {"a", "ccc"}
    assert {row.path for row in rows if row.pinned is Split.TEST} == {
        path for path in FILES if path.startswith("test/")
    }


@pytest.fixture
def one_small_class(tmp_path):
    """A folder of two classes of three pictures, and of one of two."""
    counts = {"a": 3, "bb": 3, "ccc": 2}
    named = [(label, n) for label, count in counts.items() for n in range(count)]
    return folder_of(tmp_path, {f"{c}/{n}.jpg": photo(n + 100 * len(c)) for c, n in named})


def test_a_small_class_is_set_aside_with_a_warning(staged, one_small_class):
    stage = staged("ingest_dataset", conf={"source": str(one_small_class)})
    stage.run("inspect")
    (warning,) = stage.run("split")["warnings"]
    assert warning == "class 'ccc' is set aside: 2 different pictures, fewer than 3"


def test_a_strict_ingest_fails_at_a_small_class(staged, one_small_class):
    stage = staged("ingest_dataset", conf={"source": str(one_small_class), "strict": True})
    stage.run("inspect")
    with pytest.raises(Exception, match=r"'ccc' has 2 different .* ingest without --strict"):
        stage.run("split")


def test_a_source_that_is_refused_tells_it_to_whoever_follows(staged, tmp_path):
    folder_of(tmp_path, {"train/a/1.jpg": b"", "val/a/2.jpg": b"", "glass/3.jpg": b""})
    stage = staged("ingest_dataset", conf={"source": str(tmp_path)})
    with pytest.raises(Exception, match="mixes two formats"):
        stage.run("inspect")
    assert "mixes two formats" in stage.xcoms["inspect", "error"]


def connection(monkeypatch, **fields):
    named = json.dumps({"conn_type": "aws"} | fields)
    monkeypatch.setenv("AIRFLOW_CONN_SORTLINE_SOURCE", named)


@pytest.mark.parametrize(
    ("extra", "endpoint"),
    [
        ({}, "https://s3.us-east-1.amazonaws.com"),
        ({"region_name": "eu-west-3"}, "https://s3.eu-west-3.amazonaws.com"),
        ({"endpoint_url": "http://photos:9000"}, "http://photos:9000"),
    ],
)
def test_the_connection_opens_a_bucket_that_is_elsewhere(loaded, monkeypatch, extra, endpoint):
    from dags.buckets import bucket

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://ours:8333")
    connection(monkeypatch, login="key", password="secret", extra=extra)
    opened = bucket("photos")
    client = opened._client
    assert (opened.bucket, client.meta.endpoint_url) == ("photos", endpoint)
    assert client._get_credentials().access_key == "key"


def test_a_connection_without_keys_is_refused(loaded, monkeypatch):
    from dags.buckets import bucket

    connection(monkeypatch, login="key")
    with pytest.raises(CredentialError, match=r"holds no keys; expected the access .*\. Complete"):
        bucket("photos")


def test_without_a_connection_the_bucket_is_opened_as_the_identity_that_ingests(
    loaded, monkeypatch, tmp_path
):
    from dags.buckets import bucket

    keys = tmp_path / "credentials"
    keys.write_text("[ingest]\naws_access_key_id = ours\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("SORTLINE_S3_ENDPOINT", "http://ours:8333")
    opened = bucket("photos")
    assert (opened.bucket, opened._client.meta.endpoint_url) == ("photos", "http://ours:8333")
    assert opened._client._get_credentials().access_key == "ours"
