import gc
import hashlib

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import ClusterError, DataError
from tasks.dataset.entries import Entry
from tasks.ingest import check
from tasks.ingest.check import check_images
from tasks.ingest.checked import Found
from tasks.ingest.seen import Memory
from tasks.sources.base import Made, SourceImage
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import Held, encoded, photo, picture


def image(name, data):
    return SourceImage(f"a/{name}", "a", Held(data))


def memory(store):
    return Memory(store, "waste", "here", "1")


def checked(store, images, progress=None):
    return list(check_images(store, images, memory(store), progress))


def found(images):
    store, found = InMemoryStore(), Found()
    for _ in found.counted(check_images(store, images, memory(store))):
        pass
    return found


def good(count):
    return [image(f"{seed:03d}", photo(seed)) for seed in range(count)]


def test_a_photo_is_kept_with_its_original():
    store = InMemoryStore()
    (one,) = checked(store, good(1))
    entry = one.entry
    assert (entry.state, entry.width, entry.height) == (ImageState.KEPT, 24, 20)
    assert entry.size_bytes == len(photo(0))
    assert store.objects == {keys.raw_image(hashlib.sha256(photo(0)).hexdigest()): photo(0)}


def test_a_broken_file_is_set_aside_with_its_reason_and_not_stored():
    store = InMemoryStore()
    *_, broken = checked(store, [*good(20), image("x", b"not a photo")])
    assert broken.entry.state is ImageState.QUARANTINED
    assert broken.entry.reason.startswith("is no image: ")
    assert broken.entry.sha256 == hashlib.sha256(b"not a photo").hexdigest()
    assert len(store.objects) == 20


def test_a_file_that_cannot_be_opened_is_set_aside():
    def refuse():
        raise PermissionError(13, "Permission denied")

    *_, closed = checked(InMemoryStore(), [*good(20), SourceImage("a/x", "a", Held(refuse))])
    assert closed.entry.reason == "cannot be opened: Permission denied"
    assert closed.entry.sha256 is None


def test_five_percent_of_unreadable_files_pass():
    passed = found([*good(19), image("x", b"")])
    passed.refuse()
    assert (passed.files, passed.unreadable) == (20, 1)


def test_more_are_refused_by_name():
    bad = [image(f"x{n}", b"") for n in range(4)]
    with pytest.raises(
        DataError,
        match=r"4 of 24 files are unreadable \(a/x0 has no bytes.*; \.\.\.\); "
        r"expected at most 5%.*\. Repair or remove",
    ):
        found([*good(20), *bad]).refuse()


def test_small_photos_are_set_aside_but_do_not_count_as_unreadable():
    small = [image(f"x{n}", encoded(picture(n, (12, 12)))) for n in range(9)]
    found = checked(InMemoryStore(), [*good(2), *small])
    assert sum(one.entry.state is ImageState.QUARANTINED for one in found) == 9


def test_progress_counts_every_file():
    told = []
    checked(InMemoryStore(), good(3), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def rows_held():
    return sum(isinstance(one, Entry) for one in gc.get_objects())


def test_few_files_are_held_at_once():
    made, before = [], rows_held()

    def make(number):
        made.append(number)
        return SourceImage(f"a/{number:03d}", "a", Held(photo(number)))

    store = InMemoryStore()
    checked = check_images(store, Made(range(500), make), memory(store))
    for done, _ in enumerate(checked, start=1):
        assert len(made) - done <= check._AHEAD
        if done % 100 == 0:
            assert rows_held() - before <= check._AHEAD + 2
    assert len(made) == 500


def test_a_store_that_fails_ends_the_check():
    class Full(InMemoryStore):
        def put_once(self, key, data):
            raise ClusterError("the disk is full", "free space", "Make room")

    with pytest.raises(ClusterError, match="the disk is full"):
        checked(Full(), good(40))
