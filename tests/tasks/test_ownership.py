"""Who owns a Ray job, when tries, clears and kills come at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jobs.contract import keys
from ray_jobs.storage import Tagged
from tasks.operators.ownership import Claim, Claimed, KillDecision, NoOwnership, Record, decide
from tasks.ownership import StoredOwnership
from tests.fakes import InMemoryStore

JOB = "sortline-ab-train-1"


def attempt(try_number: int, run_id: str = "run-1") -> Claim:
    return Claim("retrain", run_id, "train", -1, try_number, f"{run_id}-{try_number}")


FIRST, SECOND, THIRD = (attempt(number) for number in (1, 2, 3))
STRANGER = attempt(1, "run-2")


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def owners(store: InMemoryStore) -> StoredOwnership:
    return StoredOwnership(store)


def test_the_first_claim_owns_the_job(owners: StoredOwnership):
    assert owners.claim(JOB, FIRST) is Claimed.MINE
    assert list(owners.records()) == [Record(JOB, FIRST)]


def test_a_claim_may_be_repeated(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    assert owners.claim(JOB, FIRST) is Claimed.MINE


def test_a_newer_try_takes_over_and_the_older_one_does_not_get_it_back(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    assert owners.claim(JOB, SECOND) is Claimed.MINE
    assert owners.claim(JOB, FIRST) is Claimed.SUPERSEDED
    assert list(owners.records()) == [Record(JOB, SECOND)]


def test_the_late_kill_of_an_older_try_stops_nothing(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    owners.claim(JOB, SECOND)
    assert owners.resign(JOB, FIRST) is False
    assert list(owners.records()) == [Record(JOB, SECOND)]


def test_a_job_that_was_given_up_cannot_be_taken_over(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    assert owners.resign(JOB, FIRST) is True
    assert owners.claim(JOB, SECOND) is Claimed.BEING_STOPPED
    assert owners.claim(JOB, FIRST) is Claimed.BEING_STOPPED
    assert list(owners.records()) == [Record(JOB, FIRST, being_stopped=True)]


def test_giving_up_twice_is_giving_up(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    assert owners.resign(JOB, FIRST)
    assert owners.resign(JOB, FIRST)


def test_only_who_gave_up_may_give_up_again(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    owners.resign(JOB, FIRST)
    assert owners.resign(JOB, SECOND) is False


def test_a_job_of_nobody_may_be_stopped_and_is_then_marked(owners: StoredOwnership):
    assert owners.resign(JOB, FIRST) is True
    assert owners.claim(JOB, SECOND) is Claimed.BEING_STOPPED


def test_another_run_that_wants_the_same_work_takes_it_over(owners: StoredOwnership):
    owners.claim(JOB, SECOND)
    assert owners.claim(JOB, STRANGER) is Claimed.MINE
    assert owners.resign(JOB, SECOND) is False


def test_tries_of_another_task_or_map_index_are_not_newer():
    assert SECOND.is_newer_than(FIRST)
    assert not FIRST.is_newer_than(FIRST)
    assert not replace(SECOND, map_index=3).is_newer_than(FIRST)
    assert not replace(SECOND, task_id="export").is_newer_than(FIRST)


def test_what_is_forgotten_is_claimed_afresh(owners: StoredOwnership):
    owners.claim(JOB, FIRST)
    owners.resign(JOB, FIRST)
    owners.forget(JOB, FIRST)
    owners.forget(JOB, FIRST)
    assert list(owners.records()) == []
    assert owners.claim(JOB, SECOND) is Claimed.MINE


def test_the_records_name_every_job(owners: StoredOwnership):
    owners.claim("a-1", FIRST)
    owners.claim("b-1", STRANGER)
    assert list(owners.records()) == [Record("a-1", FIRST), Record("b-1", STRANGER)]


def test_a_record_that_goes_while_all_are_read_is_left_out(store: InMemoryStore):
    class Vanishing(InMemoryStore):
        def get_tagged(self, key: str) -> Tagged | None:
            return None if key == keys.owner("a-1") else store.get_tagged(key)

    StoredOwnership(store).claim("a-1", FIRST)
    StoredOwnership(store).claim("b-1", FIRST)
    vanishing = Vanishing()
    vanishing.objects = store.objects
    assert list(StoredOwnership(vanishing).records()) == [Record("b-1", FIRST)]


def test_without_records_a_job_is_always_the_askers():
    nobody = NoOwnership()
    assert nobody.claim(JOB, FIRST) is Claimed.MINE
    assert nobody.resign(JOB, SECOND)
    assert list(nobody.records()) == []


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        ("failed", KillDecision.STOP),
        ("success", KillDecision.STOP),
        ("skipped", KillDecision.STOP),
        ("upstream_failed", KillDecision.STOP),
        ("removed", KillDecision.STOP),
        ("none", KillDecision.LEAVE),
        ("scheduled", KillDecision.LEAVE),
        ("queued", KillDecision.LEAVE),
        ("running", KillDecision.LEAVE),
        ("deferred", KillDecision.LEAVE),
        ("restarting", KillDecision.LEAVE),
        ("up_for_retry", KillDecision.LEAVE),
        ("up_for_reschedule", KillDecision.LEAVE),
        (None, KillDecision.UNSURE),
    ],
)
def test_what_a_tasks_state_says_about_its_job(state: str | None, decision: KillDecision):
    assert decide(state) is decision


class Interrupted(InMemoryStore):
    """Lets others act between a read and the write that rests on it, as a network does."""

    def __init__(self, others: list[Callable[[], object]]) -> None:
        super().__init__()
        self.others = others

    def get_tagged(self, key: str) -> Tagged | None:
        found = super().get_tagged(key)
        if self.others:
            self.others.pop(0)()
        return found


MOVES = st.lists(
    st.tuples(st.sampled_from(["claim", "resign"]), st.integers(1, 4)), min_size=2, max_size=10
)


@given(moves=MOVES)
def test_whatever_comes_between_a_read_and_a_write_there_is_one_outcome(
    moves: list[tuple[str, int]],
):
    said: list[tuple[str, int, object]] = []

    def act(what: str, number: int) -> None:
        said.append((what, number, getattr(owners, what)(JOB, attempt(number))))

    # Each move but the first may come in the middle of another one, nested as deep as it likes.
    store = Interrupted([lambda m=m: act(*m) for m in moves[1:]])
    owners = StoredOwnership(store)
    act(*moves[0])
    while store.others:
        store.others.pop(0)()
    assert_one_outcome(said, list(owners.records()))


def assert_one_outcome(said: list[tuple[str, int, object]], records: list[Record]) -> None:
    """What everybody was told agrees with the one record that is left; `said` in any order."""
    (record,) = records
    mine = [number for what, number, told in said if what == "claim" and told is Claimed.MINE]
    gave_up = {number for what, number, told in said if what == "resign" and told is True}
    if gave_up:
        # One gave it up and nobody took it over afterwards; it was the newest that ever had it.
        assert gave_up == {record.owner.try_number}
        assert record.being_stopped
        assert max(mine, default=0) <= record.owner.try_number
    else:
        assert not record.being_stopped
        assert record.owner.try_number == max(mine)
    for what, number, told in said:
        if what == "claim" and told is Claimed.SUPERSEDED:
            assert number < record.owner.try_number
        if told is Claimed.BEING_STOPPED:
            assert gave_up


class Locked(InMemoryStore):
    """The conditional write is atomic, as the object store's is."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        with self.lock:
            return super().compare_and_set(key, data, etag=etag)


@pytest.mark.parametrize("round_", range(25))
def test_many_tries_and_one_kill_at_once_have_one_outcome(round_: int):
    """Sixteen threads claim while one gives up what its try once claimed."""
    owners = StoredOwnership(Locked())
    owners.claim(JOB, FIRST)
    start = threading.Barrier(17)
    said: list[tuple[str, int, object]] = [("claim", 1, Claimed.MINE)]

    def act(what: str, number: int) -> None:
        start.wait()
        said.append((what, number, getattr(owners, what)(JOB, attempt(number))))

    threads = [threading.Thread(target=act, args=("claim", number)) for number in range(2, 18)]
    threads.insert(round_ % 17, threading.Thread(target=act, args=("resign", 1)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 18
    assert_one_outcome(said, list(owners.records()))
    (record,) = owners.records()
    assert record.owner.try_number in (1, 17)  # given up before anybody, or the newest try has it


def test_a_record_of_another_task_is_not_forgotten(owners: StoredOwnership):
    other = STRANGER
    owners.claim(JOB, other)
    owners.forget(JOB, FIRST)
    assert [record.owner for record in owners.records()] == [other]


def test_a_record_that_cannot_be_read_hides_no_other(owners: StoredOwnership, store: InMemoryStore):
    owners.claim(JOB, FIRST)
    store.put(keys.owner("a-broken-1"), b'{"schema_version": 99}')
    assert [record.submission_id for record in owners.records()] == [JOB]
