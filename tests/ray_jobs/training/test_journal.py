"""What a training writes down: rows and events, of every attempt, and nothing is lost."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ray_jobs.contract.errors import ClusterError
from ray_jobs.training import journal as module
from ray_jobs.training.journal import Journal, open_journal
from ray_jobs.training.step_log import StepLog, StepMetrics
from tests.fakes import InMemoryStore
from tests.ray_jobs.training.test_checkpoint import metrics
from tests.ray_jobs.training.test_watch import CountingStore

KEY = "runs/ab12/steps.csv"


def step(number: int, loss: float = 0.5) -> StepMetrics:
    """Of an epoch of ten steps, eight images each."""
    return StepMetrics(
        step=number,
        epoch=(number - 1) // 10 + 1,
        images=number * 8,
        learning_rate=0.1,
        loss=loss,
        accuracy=0.25,
        images_per_s=9.0,
    )


def journal_of(store: InMemoryStore) -> Journal:
    return Journal(StepLog(store, "ab12"))


def rows(store: InMemoryStore) -> list[tuple[int, int]]:
    """Step and attempt of each row."""
    table = csv.DictReader(store.get(KEY).decode().splitlines())
    return [(int(row["step"]), int(row["attempt"])) for row in table]


def clock(*times: float) -> Callable[[], float]:
    return iter(times).__next__


def test_a_step_is_a_row_that_keeps_every_digit_of_rate_and_loss():
    store = InMemoryStore()
    log = StepLog(store, "ab12", clock=clock(100.0, 102.5))
    log.step(StepMetrics(11, 2, 88, 0.1 + 0.2, 1 / 3, 0.625, 31.41592653))
    log.put()
    assert store.get(KEY).decode() == (
        "step,epoch,images,learning_rate,loss,accuracy,images_per_s,seconds,attempt\n"
        "11,2,88,0.30000000000000004,0.3333333333333333,0.625,31.416,2.5,1\n"
    )


def test_a_resumed_journal_goes_on_below_what_was_published_and_counts_the_attempt():
    store = InMemoryStore()
    for steps in [(1, 2, 3), (3, 4), (4, 5)]:
        before = store.objects.get(KEY, b"")
        journal = journal_of(store)
        for number in steps:
            journal.step(step(number))
            journal.publish()
        assert store.get(KEY).startswith(before)
    assert rows(store) == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (4, 3), (5, 3)]


def test_seconds_are_those_of_all_attempts():
    store = InMemoryStore()
    for times in [(100.0, 104.0), (7.0, 8.5)]:
        log = StepLog(store, "ab12", clock=clock(*times))
        log.step(step(1))
        log.put()
    table = csv.DictReader(store.get(KEY).decode().splitlines())
    assert [row["seconds"] for row in table] == ["4.0", "5.5"]


def test_an_attempt_without_a_published_row_is_not_counted():
    store = InMemoryStore()
    journal_of(store).publish()
    assert KEY not in store.objects
    assert StepLog(store, "ab12").attempt == 1


def test_rows_that_the_store_refused_come_with_the_next_put(caplog):
    store = CountingStore()
    journal = journal_of(store)
    journal.step(step(1))
    store.down = True
    with pytest.raises(ClusterError, match="does not answer"):
        journal.put()  # what comes before a checkpoint
    journal.publish()
    assert "the journal was not written: the object store does not answer" in caplog.text
    store.down = False
    journal.publish()
    assert rows(store) == [(1, 1)]


def test_what_the_store_holds_is_not_put_again():
    store = CountingStore()
    journal = journal_of(store)
    journal.step(step(1))
    journal.publish()
    journal.put()
    assert store.puts == 1


def test_a_journal_is_published_while_the_training_runs_and_when_it_ends(monkeypatch):
    monkeypatch.setattr(module, "INTERVAL_S", 0.02)
    store = CountingStore()
    journal = journal_of(store)
    with journal.publishing():
        journal.step(step(1))
        while store.puts == 0:
            pass
        journal.step(step(2))
    assert rows(store) == [(1, 1), (2, 1)]


def test_a_training_does_not_end_well_while_its_journal_is_not_written():
    store = CountingStore()
    store.down = True
    journal = journal_of(store)
    with pytest.raises(ClusterError, match="does not answer"), journal.publishing():
        journal.step(step(1))


@pytest.mark.parametrize("down", [False, True])
def test_a_training_that_fails_tells_its_own_error_and_leaves_its_rows(down: bool):
    store = CountingStore()
    store.down = down
    journal = journal_of(store)
    journal.step(step(1))
    with pytest.raises(ValueError, match="no gradient"), journal.publishing():
        raise ValueError("no gradient")
    assert (KEY in store.objects) is not down


class SlowStore(InMemoryStore):
    """Holds its first put back until it is let go; `given_up` where nobody does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let_go = threading.Event(), threading.Event()
        self.given_up = False
        self.files: list[bytes] = []

    def put(self, key: str, data: bytes) -> None:
        if not self.asked.is_set():
            self.asked.set()
            self.given_up = not self.let_go.wait(5)
        super().put(key, data)
        self.files.append(data)


@pytest.fixture
def slow(monkeypatch) -> SlowStore:
    monkeypatch.setattr(module, "INTERVAL_S", 0.02)
    return SlowStore()


def test_no_step_waits_for_the_store(slow):
    journal = journal_of(slow)
    with journal.publishing():
        journal.step(step(1))
        slow.asked.wait()
        journal.step(step(2))
        slow.let_go.set()
    assert not slow.given_up
    assert rows(slow) == [(1, 1), (2, 1)]


def test_an_older_file_never_comes_after_a_newer_one(slow):
    journal = journal_of(slow)
    with journal.publishing():
        journal.step(step(1))
        slow.asked.wait()
        journal.step(step(2))
        threading.Timer(0.2, slow.let_go.set).start()
        journal.publish()
        assert [len(file.splitlines()) for file in slow.files] == [2, 3]


def test_the_journal_of_another_rank_takes_the_same_calls():
    journal = Journal()
    with journal.publishing():
        journal.step(step(1))
        journal.epoch(metrics(1, 0.5))
        journal.publish()


def events(data: bytes, folder: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Step and scalars of each event of a file, which must be whole."""
    import tensorflow as tf

    path = folder / "read-back"
    path.write_bytes(data)
    version, *found = (
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    )
    assert version.file_version == "brain.Event:2"
    for event in found:
        yield event.step, {value.tag: value.simple_value for value in event.summary.value}


@pytest.mark.tf
def test_an_event_file_holds_each_step_and_epoch_up_to_the_last_publish(tmp_path):
    store = InMemoryStore()
    journal = open_journal(store, "ab12", tmp_path / "worker-0")
    journal.step(step(10, loss=1.5))
    journal.epoch(metrics(1, 0.75, loss=2.0))
    journal.publish()
    journal.step(step(11))
    assert list(events(store.get("runs/ab12/tensorboard/events.out.tfevents.0001"), tmp_path)) == [
        (
            10,
            {
                "train/loss": 1.5,
                "train/accuracy": 0.25,
                "learning_rate": pytest.approx(0.1),  # a float32 there
                "images_per_s": 9.0,
            },
        ),
        (
            10,
            {
                "epoch/loss": 1.0,
                "epoch/accuracy": 0.5,
                "epoch/val_loss": 2.0,
                "epoch/val_accuracy": 0.75,
            },
        ),
    ]


@pytest.mark.tf
def test_each_attempt_has_an_event_file_and_rows_of_its_own(tmp_path):
    store = InMemoryStore()
    for number in (1, 2):
        journal = open_journal(store, "ab12", tmp_path)
        journal.step(step(number))
        journal.put()
    open_journal(store, "ab12", tmp_path).put()  # has nothing to train
    files = [store.get(key) for key in store.keys("runs/ab12/tensorboard/")]
    assert [[at for at, _ in events(file, tmp_path)] for file in files] == [[1], [2]]
    assert rows(store) == [(1, 1), (2, 2)]


class KeepingStore(InMemoryStore):
    """Keeps every event file that was ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[bytes] = []

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data)
        if "tfevents" in key:
            self.files.append(data)


@pytest.mark.tf
def test_an_event_file_is_whole_though_steps_are_written_while_it_is_put(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL_S", 0.0)
    store = KeepingStore()
    journal = open_journal(store, "ab12", tmp_path)
    with journal.publishing():
        for number in range(1, 1001):
            journal.step(step(number))
    assert len(store.files) > 2
    for file in store.files[-20:]:
        steps = [at for at, _ in events(file, tmp_path)]
        assert steps == list(range(1, len(steps) + 1))
    assert len(list(events(store.files[-1], tmp_path))) == 1000
