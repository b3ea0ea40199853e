"""What of a source is not read again."""

from dataclasses import replace
from functools import partial

import pytest

from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import DataError
from tasks.ingest import seen
from tasks.ingest.check import check_images
from tasks.ingest.checked import Found
from tasks.ingest.seen import Memory
from tasks.sources.base import SourceImage
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import Held, encoded, photo, picture

PREFIX = "seen/waste/"


def checked(store, images, ingest_id="1", uri="here"):
    found, memory = Found(), Memory(store, "waste", uri, ingest_id)
    entries = list(found.counted(check_images(store, images, memory)))
    found.refuse()
    return entries


class Folder:
    """Files that count how often they are read."""

    def __init__(self, files):
        self.files = dict(files)
        self.reads = []

    def images(self):
        return [
            SourceImage(path, "a", Held(partial(self._read, path), str(hash(data))))
            for path, data in sorted(self.files.items())
        ]

    def _read(self, path):
        self.reads.append(path)
        return self.files[path]

    def ingest(self, store, ingest_id="1", uri="here"):
        self.reads.clear()
        return checked(store, self.images(), ingest_id, uri)


def folder(count):
    return Folder({f"a/{n:03d}.jpg": photo(n) for n in range(count)})


def test_an_unchanged_source_is_not_read_and_gives_the_same_entries():
    store, source = InMemoryStore(), folder(30)
    source.files |= {"a/x.jpg": b"broken", "a/small.jpg": encoded(picture(1, (12, 12)))}
    first = source.ingest(store)
    assert len(source.reads) == 32
    assert source.ingest(store, "2") == first
    assert source.reads == []


def test_of_a_changed_source_only_the_change_is_read():
    store, source = InMemoryStore(), folder(30)
    source.ingest(store)
    source.files |= {"a/007.jpg": photo(700), "a/0075.jpg": photo(701), "b/new.jpg": photo(702)}
    del source.files["a/012.jpg"]
    entries = source.ingest(store, "2")
    assert source.reads == ["a/007.jpg", "a/0075.jpg", "b/new.jpg"]
    assert entries == source.ingest(InMemoryStore())


def test_a_file_is_remembered_under_the_label_that_it_has_now():
    store, source = InMemoryStore(), folder(3)
    source.ingest(store)
    images = [replace(image, label="b") for image in source.images()]
    assert {entry.label for entry in checked(store, images, "2")} == {"b"}
    assert len(source.reads) == 3


def test_another_source_and_another_data_set_remember_for_themselves():
    store, source = InMemoryStore(), folder(3)
    source.ingest(store)
    source.ingest(store, "2", uri="there")
    assert len(source.reads) == 3


def test_a_file_without_a_stamp_is_read_each_time():
    store, source = InMemoryStore(), folder(3)
    images = [replace(image, file=Held(image.read)) for image in source.images()]
    for ingest_id in "12":
        checked(store, images, ingest_id)
    assert len(source.reads) == 6


def test_a_file_that_could_not_be_opened_is_tried_again():
    store = InMemoryStore()
    source = folder(30)
    data = source.files["a/003.jpg"]

    class Locked(Folder):
        def _read(self, path):
            if path == "a/003.jpg":
                raise PermissionError(13, "Permission denied")
            return super()._read(path)

    closed = Locked(source.files)
    assert closed.ingest(store)[3].state is ImageState.QUARANTINED
    source.files["a/003.jpg"] = data
    assert source.ingest(store, "2")[3].state is ImageState.KEPT
    assert source.reads == ["a/003.jpg"]


def test_an_ingest_that_died_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(seen, "_ROWS", 10)
    store, source = InMemoryStore(), folder(100)

    class Dying(Folder):
        def _read(self, path):
            if path == "a/090.jpg":
                raise KeyboardInterrupt
            return super()._read(path)

    with pytest.raises(KeyboardInterrupt):
        Dying(source.files).ingest(store)
    entries = source.ingest(store, "2")
    assert len(source.reads) <= 30
    assert entries == source.ingest(InMemoryStore())


def test_a_refused_source_is_remembered_too():
    store, source = InMemoryStore(), folder(3)
    source.files |= {"a/x.jpg": b""}
    with pytest.raises(DataError, match="1 of 4 files are unreadable"):
        source.ingest(store)
    source.files["a/x.jpg"] = photo(99)
    source.ingest(store, "2")
    assert source.reads == ["a/x.jpg"]


def test_one_memory_a_source_is_left():
    store, source = InMemoryStore(), folder(3)
    for ingest_id in "123":
        source.ingest(store, ingest_id)
    assert [key.rpartition("/")[2] for key in store.keys(PREFIX)] == ["000000.parquet"]
