import hashlib
import os

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import SourceRef
from ray_jobs.contract.errors import DataError
from tasks.dataset.entries import Photo
from tasks.ingest.originals import Originals
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import photo

DATA = photo(1)
PHOTO = Photo("a/1.jpg", hashlib.sha256(DATA).hexdigest(), len(DATA))
KEY = keys.raw_image(PHOTO.sha256)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a" / "1.jpg"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def originals(tmp_path, kept=DATA):
    store = InMemoryStore()
    if kept is not None:
        store.put(KEY, kept)
    return Originals(store, SourceRef(uri=str(tmp_path), format="folder"))


def test_the_folder_is_asked_first(tmp_path, file):
    assert originals(tmp_path, kept=None).read(PHOTO) == DATA


def gone(file):
    file.unlink()


def changed(file):
    file.write_bytes(DATA[:-1] + b"?")


def longer(file):
    file.write_bytes(DATA + b"?")


def a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def a_link(file):
    file.rename(file.with_name("2.jpg"))
    file.symlink_to("2.jpg")


@pytest.mark.parametrize("change", [gone, changed, longer, a_pipe, a_link])
def test_the_store_has_what_the_folder_has_no_more(tmp_path, file, change):
    change(file)
    assert originals(tmp_path).read(PHOTO) == DATA


def test_an_original_that_is_another_by_now_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has sha256 .*; expected .* when it was written"):
        originals(tmp_path, kept=b"other").read(PHOTO)
