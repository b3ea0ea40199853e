import hashlib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import SourceRef, Split
from ray_jobs.contract.errors import DataError
from tasks.ingest.originals import Originals
from tasks.shards import layout
from tasks.shards.layout import deal, shard_count
from tasks.shards.writing import write_shards
from tests.fakes import InMemoryStore
from tests.tasks.ingest.books import book_of, entries_of
from tests.tasks.ingest.pictures import entry, photo


def originals(store):
    return Originals(store, SourceRef(uri="sample:", format="sample"))


def written_of(store, entries):
    book = book_of(entries)
    return write_shards(store, book, {}, originals(store)), entries_of(book)


def stored(store, count, split=Split.TRAIN, first=0):
    entries = []
    for seed in range(first, first + count):
        data = photo(seed)
        sha256 = hashlib.sha256(data).hexdigest()
        store.put(keys.raw_image(sha256), data)
        entries.append(entry(f"{'ab'[seed % 2]}/{seed:04d}", split=split, sha256=sha256))
    return entries


def dealt_out(paths):
    book = book_of(entry(path, split=Split.TRAIN) for path in paths)
    return list(deal(book, Split.TRAIN, shard_count(book, Split.TRAIN)))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 60))
def test_shards_differ_by_one_image_at_most_in_number_and_in_each_class(first, second):
    paths = [f"a/{n}" for n in range(first)] + [f"b/{n}" for n in range(second)]
    dealt = dealt_out(paths)
    assert len(dealt) == min(16, first + second)
    assert sorted(photo.path for shard in dealt for photo in shard) == sorted(paths)
    sizes = [len(shard) for shard in dealt]
    assert max(sizes) - min(sizes) <= 1
    for label in "ab":
        of_class = [Counter(photo.path[0] for photo in shard)[label] for shard in dealt]
        assert max(of_class) - min(of_class) <= 1


def test_within_a_shard_images_lie_in_the_order_of_their_hashes():
    for shard in dealt_out([f"a/{n}" for n in range(50)]):
        assert [e.sha256 for e in shard] == sorted(e.sha256 for e in shard)


def test_large_data_get_more_shards():
    def count(images, side):
        size = {"width": side, "height": side, "size_bytes": 10**9, "split": Split.TRAIN}
        return shard_count(book_of(entry(f"a/{n}", **size) for n in range(images)), Split.TRAIN)

    assert count(1000, 4000) == 16
    assert count(10_000, 512) > 20


def test_training_has_at_least_sixteen_shards_and_the_others_four():
    store = InMemoryStore()
    entries = [e for n, split in enumerate(Split) for e in stored(store, 40, split, 40 * n)]
    written, _ = written_of(store, entries)
    assert {split.value: len(refs) for split, refs in written.items()} == {
        "train": 16,
        "val": 4,
        "test": 4,
    }


def test_fewer_images_make_as_many_shards():
    store = InMemoryStore()
    written, _ = written_of(store, stored(store, 3))
    assert [len(refs) for refs in written.values()] == [3, 0, 0]


def test_a_shard_is_named_by_its_content_and_an_entry_names_its_shard():
    store = InMemoryStore()
    written, entries = written_of(store, stored(store, 20))
    for ref in written[Split.TRAIN]:
        data = store.get(ref.key)
        assert ref.key == keys.shard("train", hashlib.sha256(data).hexdigest())
        assert (ref.sha256, ref.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        inside = [e for e in entries if e.shard == ref.key]
        assert len(inside) == ref.records
        assert all(e.sha256.encode() in data for e in inside)


def test_writing_again_gives_the_same_shards():
    store, other = InMemoryStore(), InMemoryStore()
    assert written_of(store, stored(store, 20)) == written_of(other, stored(other, 20))
    assert store.objects == other.objects


def test_a_shard_over_the_limit_is_cut(monkeypatch):
    monkeypatch.setattr(layout, "MAX_BYTES", 2_500)
    store = InMemoryStore()
    written, entries = written_of(store, stored(store, 40))
    assert len(written[Split.TRAIN]) > 16
    assert sum(ref.records for ref in written[Split.TRAIN]) == 40
    assert all(e.shard for e in entries)


def test_an_original_that_has_changed_is_refused():
    store = InMemoryStore()
    entries = stored(store, 4)
    store.put(keys.raw_image(entries[0].sha256), b"other")
    with pytest.raises(DataError, match=r"has sha256 .*; expected .* when it was written\. Rest"):
        written_of(store, entries)
