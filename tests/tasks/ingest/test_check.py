import hashlib

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import ImageState
from ray_jobs.contract.errors import ClusterError, DataError
from tasks.check import check_images
from tasks.checked import unreadable
from tasks.seen import Memory
from tasks.sources.base import SourceImage
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import encoded, photo, picture


def image(name, data):
    return SourceImage(f"a/{name}", "a", lambda: data)


def check(store, images, progress=None):
    return check_images(store, images, Memory(store, "waste", "here", "1"), progress)


def good(count):
    return [image(f"{seed:03d}", photo(seed)) for seed in range(count)]


def test_a_photo_is_kept_with_its_original():
    store = InMemoryStore()
    (checked,) = check(store, good(1))
    entry = checked.entry
    assert (entry.state, entry.width, entry.height) == (ImageState.KEPT, 24, 20)
    assert entry.size_bytes == len(photo(0))
    assert store.objects == {keys.raw_image(hashlib.sha256(photo(0)).hexdigest()): photo(0)}


def test_a_broken_file_is_set_aside_with_its_reason_and_not_stored():
    store = InMemoryStore()
    *_, broken = check(store, [*good(20), image("x", b"not a photo")])
    assert broken.entry.state is ImageState.QUARANTINED
    assert broken.entry.reason.startswith("is no image: ")
    assert broken.entry.sha256 == hashlib.sha256(b"not a photo").hexdigest()
    assert len(store.objects) == 20


def test_a_file_that_cannot_be_opened_is_set_aside():
    def refuse():
        raise PermissionError(13, "Permission denied")

    *_, closed = check(InMemoryStore(), [*good(20), SourceImage("a/x", "a", refuse)])
    assert closed.entry.reason == "cannot be opened: Permission denied"
    assert closed.entry.sha256 is None


def test_five_percent_of_unreadable_files_pass():
    checked = check(InMemoryStore(), [*good(19), image("x", b"")])
    assert len(unreadable(checked)) == 1


def test_more_are_refused_by_name():
    bad = [image(f"x{n}", b"") for n in range(4)]
    with pytest.raises(
        DataError,
        match=r"4 of 24 files are unreadable \(a/x0 has no bytes.*; \.\.\.\); "
        r"expected at most 5%.*\. Repair or remove",
    ):
        check(InMemoryStore(), [*good(20), *bad])


def test_small_photos_are_set_aside_but_do_not_count_as_unreadable():
    small = [image(f"x{n}", encoded(picture(n, (12, 12)))) for n in range(9)]
    checked = check(InMemoryStore(), [*good(2), *small])
    assert sum(one.entry.state is ImageState.QUARANTINED for one in checked) == 9


def test_progress_counts_every_file():
    seen = []
    check(InMemoryStore(), good(3), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_store_that_fails_ends_the_check():
    class Full(InMemoryStore):
        def put_once(self, key, data):
            raise ClusterError("the disk is full", "free space", "Make room")

    with pytest.raises(ClusterError, match="the disk is full"):
        check(Full(), good(40))
