import random

import pytest

from ray_jobs.contract.dataset import ImageState, Split
from tasks.entries import Entry, decode_entries, encode_entries, per_split, per_state
from tests.tasks.ingest.pictures import entry

ENTRIES = [
    entry("a/1", split=Split.TRAIN, group="0" * 64, shard="shards/train/x.tfrecord"),
    entry("a/2", state=ImageState.DUPLICATE, duplicate_of="a/1"),
    Entry("b/é.jpg", "b", ImageState.QUARANTINED, reason="cannot be opened: no access"),
]


def test_entries_survive_their_file():
    assert decode_entries(encode_entries(ENTRIES)) == ENTRIES


def test_the_same_entries_give_the_same_bytes_in_any_order():
    shuffled = random.Random(1).sample(ENTRIES, len(ENTRIES))
    assert encode_entries(shuffled) == encode_entries(ENTRIES)


def test_no_entries_make_a_file_too():
    assert decode_entries(encode_entries([])) == []


def test_counts_name_every_state_and_split():
    assert per_state(ENTRIES) == {"kept": 1, "duplicate": 1, "conflict": 0, "quarantined": 1}
    assert per_split(ENTRIES) == {"train": 1, "val": 0, "test": 0}


def test_a_file_that_was_not_decoded_has_no_content():
    with pytest.raises(ValueError, match=r"b/é\.jpg was not decoded"):
        _ = ENTRIES[2].content
