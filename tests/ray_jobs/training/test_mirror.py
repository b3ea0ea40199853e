"""Weights from an address: brought into the store once, whole, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes import catalog
from ray_jobs.training.weights import fetch
from ray_jobs.training.weights.mirror import mirror
from tests.fakes import InMemoryStore
from tests.tasks.sources.web import web

DATA = b"weights" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
NAME = "w.weights.h5"


def starting_from(uri: str, sha256: str = SHA) -> Recipe:
    return catalog.resolve("b0_scratch", {"weights": uri, "weights_sha256": sha256})


def test_a_file_on_the_web_is_fetched_once_and_kept_by_its_content():
    store = InMemoryStore()
    with web({NAME: DATA}) as site:
        mirror(store, starting_from(f"{site.url}/{NAME}"))
        mirror(store, starting_from(f"{site.url}/{NAME}"))
        assert len(site.asked) == 1
    assert store.objects == {keys.weights(SHA): DATA}


def test_a_file_of_the_bucket_is_kept_by_its_content_too():
    store = InMemoryStore()
    store.put(f"runs/1/{NAME}", DATA)
    mirror(store, starting_from(f"s3://memory/runs/1/{NAME}"))
    assert store.objects[keys.weights(SHA)] == DATA


def test_a_file_on_the_drivers_disk_is_kept_by_its_content(tmp_path: Path):
    path = tmp_path / f"a b {NAME}"
    path.write_bytes(DATA)
    store = InMemoryStore()
    mirror(store, starting_from(path.as_uri()))
    assert store.objects == {keys.weights(SHA): DATA}


def test_random_weights_and_those_of_a_wheel_are_not_fetched():
    store = InMemoryStore()
    mirror(store, catalog.resolve("b0_scratch", {}))
    mirror(store, catalog.resolve("lite0_probe", {}))
    assert store.objects == {}


@pytest.mark.parametrize("scheme", ["http", "s3", "file"])
def test_another_file_is_refused_and_not_kept(scheme: str, tmp_path: Path):
    store = InMemoryStore()
    store.put(NAME, b"other")
    (tmp_path / NAME).write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with web({NAME: b"other"}) as site:
        uris = {
            "http": f"{site.url}/{NAME}",
            "s3": f"s3://memory/{NAME}",
            "file": (tmp_path / NAME).as_uri(),
        }
        told = rf"{uris[scheme]} has sha256 {found}, 5 bytes; expected {SHA}, as weights_sha256"
        with pytest.raises(DataError, match=told):
            mirror(store, starting_from(uris[scheme]))
    assert list(store.objects) == [NAME]


@pytest.mark.parametrize("scheme", ["http", "s3", "file"])
def test_a_file_that_is_too_large_is_refused(scheme: str, tmp_path: Path, monkeypatch):
    store = InMemoryStore()
    store.put(NAME, DATA)
    (tmp_path / NAME).write_bytes(DATA)
    with web({NAME: DATA}) as site:
        uris = {
            "http": f"{site.url}/{NAME}",
            "s3": f"s3://memory/{NAME}",
            "file": (tmp_path / NAME).as_uri(),
        }
        monkeypatch.setattr(fetch, "LIMIT_BYTES", len(DATA))
        assert fetch.read(store, uris[scheme]) == DATA
        monkeypatch.setattr(fetch, "LIMIT_BYTES", len(DATA) - 1)
        with pytest.raises(DataError, match=r"is larger than 6,999 bytes"):
            fetch.read(store, uris[scheme])


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (
            f"s3://elsewhere/{NAME}",
            r"lies in another bucket; expected an object in s3://memory/, .*"
            r"Copy it below s3://memory/weights/ and pass",
        ),
        (f"s3://memory/{NAME}", rf"s3://memory/{NAME} does not exist; expected a \.weights\.h5"),
        (f"file:///nowhere/{NAME}", r"is no file on .+, where the driver runs; .* Copy it to that"),
        (f"file://elsewhere/{NAME}", r"elsewhere/.* is no file on .+, where the driver runs"),
        (f"http://host:port/{NAME}", r"host:port/.* cannot be fetched: it is no address"),
    ],
)
def test_an_address_where_nothing_can_be_read_is_the_callers_to_correct(uri: str, told: str):
    store = InMemoryStore()
    store.put(f"{NAME}.other", DATA)
    with pytest.raises(SpecError, match=told):
        mirror(store, starting_from(uri))


def test_a_folder_is_no_file(tmp_path: Path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(SpecError, match="is no file"):
        fetch.read(InMemoryStore(), (tmp_path / NAME).as_uri())


def test_a_server_that_refuses_is_the_callers_matter_and_one_that_fails_is_tried_again():
    store = InMemoryStore()
    with web({NAME: DATA}) as site:
        with pytest.raises(SpecError, match=r"cannot be fetched: status 404; .*weights/"):
            fetch.read(store, f"{site.url}/other.weights.h5")
        site.statuses = [503]
        with pytest.raises(ClusterError, match=r"cannot be fetched: status 503"):
            fetch.read(store, f"{site.url}/{NAME}")
        site.breaks = [10]
        with pytest.raises(ClusterError, match=r"cannot be fetched: RemoteProtocolError"):
            fetch.read(store, f"{site.url}/{NAME}")


def test_what_may_be_secret_in_an_address_is_not_told():
    uri = f"http://127.0.0.1:1/{NAME}?token=hush&as=.weights.h5"
    with pytest.raises(ClusterError, match=rf"http://127\.0\.0\.1:1/{NAME} cannot") as caught:
        mirror(InMemoryStore(), starting_from(uri))
    assert "hush" not in str(caught.value)
