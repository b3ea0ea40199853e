import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.dataset import Split
from ray_jobs.contract.errors import ClusterError
from tasks.entries import Content
from tasks.ledger import (
    Ledger,
    LedgerRow,
    decode_ledger,
    encode_ledger,
    read_ledger,
    update_ledger,
)
from tests.fakes import InMemoryStore


def row(name, split=Split.TRAIN):
    return LedgerRow(Content(name * 64, name.upper() * 64, name * 16), "glass", name * 64, split)


def test_a_ledger_survives_its_file():
    ledger = Ledger([row("b", Split.TEST), row("a")])
    assert decode_ledger(encode_ledger(ledger)).rows == ledger.rows


def test_the_same_rows_give_the_same_bytes_in_any_order():
    assert encode_ledger(Ledger([row("a"), row("b")])) == encode_ledger(
        Ledger([row("b"), row("a")])
    )


def test_a_row_is_never_replaced():
    with pytest.raises(ValueError, match=r"holds aaaa.* already"):
        Ledger([row("a")]).extended([row("a", Split.TEST)])


def test_nothing_new_writes_nothing():
    store = InMemoryStore()
    update_ledger(store, "waste", lambda ledger: [])
    assert store.objects == {}


def test_the_loser_of_two_ingests_reads_again_and_decides_again():
    store = InMemoryStore()
    seen = []

    def slower(ledger):
        seen.append(len(ledger.rows))
        if len(seen) == 1:  # another ingest is faster, between our read and our write
            update_ledger(store, "waste", lambda ledger: [row("a", Split.VAL)])
        return [row("b")]

    update_ledger(store, "waste", slower)
    assert seen == [0, 1]
    assert [r.split for r in read_ledger(store, "waste").rows] == [Split.VAL, Split.TRAIN]


def test_both_ingests_end_with_the_row_of_the_one_that_came_first():
    store = InMemoryStore()
    calls = []

    def slower(ledger):
        calls.append(ledger)
        if len(calls) == 1:
            update_ledger(store, "waste", lambda ledger: [row("a", Split.VAL)])
        return [] if "a" * 64 in ledger.by_sha256 else [row("a", Split.TEST)]

    after = update_ledger(store, "waste", slower)
    assert after.by_sha256["a" * 64].split is Split.VAL


def test_who_never_wins_says_so():
    class Contended(InMemoryStore):
        def compare_and_set(self, key, data, *, etag):
            return False

    with pytest.raises(ClusterError, match=r"changed by others 50 times.*; expected .*\. Let"):
        update_ledger(Contended(), "waste", lambda ledger: [row("a")])


def test_each_name_has_a_ledger_of_its_own():
    store = InMemoryStore()
    update_ledger(store, "one", lambda ledger: [row("a")])
    assert list(store.objects) == [keys.ledger("one")]
    assert read_ledger(store, "two").rows == ()
