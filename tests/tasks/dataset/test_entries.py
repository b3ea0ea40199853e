import pytest

from ray_jobs.contract.dataset import ImageState, Split
from tasks.dataset.entries import Entry, close_entries, decode_entries, encode_entries, open_entries
from tasks.ingest.counts import per_split, per_state
from tests.tasks.ingest.books import book_of
from tests.tasks.ingest.pictures import entry

ENTRIES = [
    entry("a/1", split=Split.TRAIN, group="0" * 64, shard="shards/train/x.tfrecord"),
    entry("a/2", state=ImageState.DUPLICATE, duplicate_of="a/1"),
    Entry("b/é.jpg", "b", ImageState.QUARANTINED, reason="cannot be opened: no access"),
]


def test_entries_survive_their_file():
    assert decode_entries(encode_entries(ENTRIES)) == ENTRIES


def test_a_workbook_gives_its_entries_back_byte_by_byte():
    data = encode_entries(ENTRIES)
    assert close_entries(open_entries(data)) == data


def test_entries_out_of_order_are_our_fault():
    with pytest.raises(ValueError, match="a/1 comes after a/2"):
        encode_entries([ENTRIES[1], ENTRIES[0]])


def test_no_entries_make_a_file_too():
    assert decode_entries(encode_entries([])) == []


def test_counts_name_every_state_and_split():
    book = book_of(ENTRIES)
    assert per_state(book) == {"kept": 1, "duplicate": 1, "conflict": 0, "quarantined": 1}
    assert per_split(book) == {"train": 1, "val": 0, "test": 0}


def test_a_file_that_was_not_read_is_no_photo():
    with pytest.raises(ValueError, match=r"b/é\.jpg was not read"):
        _ = ENTRIES[2].photo
