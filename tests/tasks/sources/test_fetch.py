"""Files of other machines: limited, resumed, checked."""

import hashlib
import os
import tempfile

import pytest

from ray_jobs.contract.errors import ClusterError, CredentialError, DataError, SpecError
from tasks.sources.address import parse
from tasks.sources.fetching import cache, fetch
from tasks.sources.fetching.web import WebFile
from tasks.sources.registry import open_source
from tests.tasks.ingest.pictures import photo
from tests.tasks.sources.trees import (
    buckets_of,
    contents_of,
    files_below,
    folder_of,
    labels_of,
    tar_of,
    zip_of,
)
from tests.tasks.sources.web import web

DATA = bytes(range(256)) * 40_000  # 10 MB
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()


@pytest.fixture
def server():
    with web({"t.zip": DATA}) as running:
        yield running


class Pauses(list[float]):
    def __call__(self, seconds):
        self.append(seconds)


def get(server, sha256=None, pauses=None, path="t.zip"):
    remote = WebFile(parse(f"{server.url}/{path}"))
    return fetch.fetch(remote, sha256, pauses if pauses is not None else Pauses())


def test_a_file_is_fetched_whole(server):
    fetched = get(server)
    assert fetched.path.read_bytes() == DATA
    assert fetched.path.parent.stat().st_mode & 0o777 == 0o700


def test_an_unchanged_file_is_fetched_once(server):
    first = get(server)
    asked = len(server.asked)
    assert get(server) == first
    assert server.asked[asked:] == [None]  # only looked at


def test_a_changed_file_is_fetched_anew_under_another_stamp(server):
    first = get(server)
    server.files["t.zip"] = DATA[::-1]
    second = get(server)
    assert second.path.read_bytes() == DATA[::-1]
    assert second.stamp != first.stamp


def test_a_broken_fetch_goes_on_where_it_was(server):
    pauses = Pauses()
    server.breaks = [0, 3_000_000, 4_000_000]  # the first is that of the look
    assert get(server, pauses=pauses).path.read_bytes() == DATA
    resumed = [int(asked[6:-1]) for asked in server.asked if asked]
    assert len(resumed) == 2
    assert 0 < resumed[0] <= 3_000_000 < resumed[1] <= 7_000_000
    assert pauses == [1.0, 1.0]


def test_another_process_goes_on_where_one_was_killed(server):
    def killed(_):
        raise KeyboardInterrupt

    server.breaks = [0, 5_000_000]
    with pytest.raises(KeyboardInterrupt):
        get(server, pauses=killed)
    assert get(server).path.read_bytes() == DATA
    assert server.asked[-1] is not None


@pytest.mark.parametrize("lacks", ["has_tags", "has_ranges", "has_lengths"])
def test_a_server_that_cannot_resume_sends_all_again(server, lacks):
    setattr(server, lacks, False)
    server.breaks = [0, 3_000_000] if lacks != "has_lengths" else []
    assert get(server).path.read_bytes() == DATA


def test_a_file_that_changes_while_it_is_fetched_is_one_version_in_the_end(server):
    class Change(Pauses):
        def __call__(self, seconds):
            server.files["t.zip"] = DATA[::-1]

    server.breaks = [0, 3_000_000]
    assert get(server, pauses=Change()).path.read_bytes() == DATA[::-1]


def test_a_server_that_fails_again_and_again_ends_the_fetch(server):
    pauses = Pauses()
    server.statuses = [200] + [503] * 9
    with pytest.raises(ClusterError, match=r"t.zip answers HTTP 503; .*\. Run the ingest again"):
        get(server, pauses=pauses)
    assert pauses == [2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (404, SpecError, "answers HTTP 404; expected the file, at this address. Correct"),
        (403, CredentialError, "answers HTTP 403; expected leave to read it. Use an address"),
        (429, ClusterError, "answers HTTP 429; expected the file. Run the ingest again later"),
    ],
)
def test_who_can_help_is_told_by_the_kind_of_error(server, status, error, message):
    server.statuses = [status]
    with pytest.raises(error, match=message):
        open_source(f"{server.url}/t.zip").check()


def test_a_host_that_does_not_answer_is_told():
    with pytest.raises(ClusterError, match=r"does not answer: .*; expected the whole file"):
        open_source("http://127.0.0.1:1/t.zip").check()


def test_the_sha256_of_the_address_is_checked(server):
    assert get(server, SHA256).stamp == SHA256
    with pytest.raises(DataError, match=rf"has sha256 {SHA256}; expected 0000.*\. Correct the"):
        get(server, "0" * 64)
    assert not list(cache.folder().glob("*.data"))


def test_what_is_too_large_is_refused_before_it_is_fetched(server, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_BYTES", 1_000_000)
    with pytest.raises(SpecError, match=r"has 10,240,000 bytes; expected at most 1,000,000\. Unpa"):
        open_source(f"{server.url}/t.zip").check()
    server.has_lengths = False
    with pytest.raises(SpecError, match="has more than 1,000,000 bytes"):
        get(server)


def test_what_is_not_used_for_a_day_is_removed(server):
    old = get(server).path
    os.utime(old, (1, 1))
    server.files["u.zip"] = b"another"
    get(server, path="u.zip")
    assert not old.exists()


def test_the_folder_of_somebody_else_is_not_used(tmp_path):
    cache.folder().chmod(0o755)
    with pytest.raises(ClusterError, match=r"is not this user's alone; expected .*\. Remove it"):
        cache.folder()


def test_a_look_fetches_next_to_nothing(server):
    open_source(f"{server.url}/t.zip").check()
    assert server.asked == [None]
    assert not list(cache.folder().glob("*.data"))


FILES = {f"{label}/{n}.jpg": photo(10 * n + ord(label)) for label in "ab" for n in range(3)}


def test_the_same_photos_come_out_of_every_place(tmp_path):
    expected = contents_of(folder_of(tmp_path / "t", FILES))
    assert len(expected) == 6
    zipped = zip_of(tmp_path / "t.zip", FILES).read_bytes()
    tarred = tar_of(tmp_path / "t.tgz", FILES, "w:gz").read_bytes()
    with web({"t.zip": zipped, "t.tgz": tarred}) as server:
        assert contents_of(f"{server.url}/t.zip") == expected
        sha256 = hashlib.sha256(tarred).hexdigest()
        assert contents_of(f"{server.url}/t.tgz?key=x#sha256={sha256}") == expected
    below = {f"deep/photos/{name}": data for name, data in FILES.items()}
    objects = below | {"t.zip": zipped, "deep/t.tgz": tarred, "deep/photos2/a/x.jpg": b"x"}
    for uri in ("s3://b/deep/photos", "s3://b/deep/photos/", "s3://b/t.zip", "s3://b/deep/t.tgz"):
        assert contents_of(uri, buckets=buckets_of(b=objects)) == expected


def test_a_table_in_a_bucket_is_a_source(tmp_path):
    rows = "".join(f"{name},{name[0].upper()}\n" for name in FILES)
    objects = {f"p/{name}": data for name, data in FILES.items()}
    objects["p/labels.csv"] = f"path,label\n{rows}".encode()
    found = labels_of("s3://b/p/labels.csv", buckets=buckets_of(b=objects))
    assert set(found.values()) == {"A", "B"}


def test_a_prefix_without_objects_is_refused():
    with pytest.raises(DataError, match=r"nothing lies below s3://b/x/; expected .*\. Correct"):
        open_source("s3://b/x", buckets=buckets_of(b={"xy/1.jpg": b""})).check()


def test_an_object_that_changed_since_it_was_listed_cannot_be_read():
    opened = buckets_of(b={"a/1.jpg": b"x", "b/2.jpg": b"y"})("b")
    first, _ = open_source("s3://b", buckets=lambda _: opened).images()
    opened.objects["a/1.jpg"] = b"z"
    with pytest.raises(OSError, match="is gone"):
        first.read()


def test_whoever_has_no_keys_does_not_look_into_a_bucket():
    source = open_source("s3://b/photos")
    source.check()
    assert source.dataset_name() == "photos"


def test_nothing_is_left_but_the_cache(tmp_path):
    with web({"t.tgz": tar_of(tmp_path / "t.tgz", FILES, "w:gz").read_bytes()}) as server:
        contents_of(f"{server.url}/t.tgz")
    left = files_below(tmp_path / "tmp")
    assert {name.rpartition(".")[2] for name in left} == {"data", "json", "lock"}
