"""A person's own promotion."""

from __future__ import annotations

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.contract.export import ExportFormat
from ray_jobs.contract.removal import Removal
from ray_jobs.contract.verdict import Decision
from ray_jobs.storage import write_document
from tasks.judging import champion
from tasks.judging.appointment import appoint
from tests.fakes import InMemoryStore
from tests.tasks.clock import LATER, NOON
from tests.tasks.documents import registration, verdict, verification, write_run


@pytest.fixture
def store() -> InMemoryStore:
    """Version 1 is the champion; the gate kept version 2, of run `abc`."""
    store = InMemoryStore()
    write_run(store)
    write_document(store, registration(), keys.model_version("sample", 2))
    kept = verdict(decision=Decision.KEPT)
    store.put(keys.run("abc", "verdict.json"), kept.to_json())
    first = champion.move(1, "old", by="gate", at=NOON)
    champion.promote(store, "sample", first, judged_against=None)
    return store


def ask(store, version: int = 2, by: str = "ada", reason: str = "glass matters more"):
    return appoint(store, "sample", version, by=by, at=LATER, reason=reason)


def test_a_version_that_the_gate_refused_may_be_made_champion_and_its_reasons_are_told(store):
    made = ask(store)
    assert made.moved
    assert (made.verdict.decision, made.verdict.reasons) == (Decision.KEPT, ("because",))
    last = champion.read(store, "sample").pointer.history[-1]
    assert (last.model_version, last.run_id) == (2, "abc")
    assert (last.by, last.act, last.reason) == ("ada", Act.PROMOTION, "glass matters more")


def test_the_champion_of_now_stays_as_it_is_and_that_is_said(store):
    ask(store)
    again = ask(store, by="bob")
    assert not again.moved
    assert [made.by for made in again.pointer.history] == ["gate", "ada"]


def test_a_version_that_the_gate_has_not_judged_may_be_made_champion(store):
    store.delete([keys.run("abc", "verdict.json")])
    assert ask(store).verdict is None


def test_an_unknown_version_is_told_with_those_that_are_known(store):
    with pytest.raises(SpecError, match=r"'sample' has no version 9; expected one of: 2\. Look at"):
        ask(store, 9)


def test_a_version_that_was_never_exported_is_refused(store):
    store.delete([keys.run("abc", "verification.json")])
    with pytest.raises(
        DataError, match=r"version 2 .* was never exported.*tiny.*v1.*seed \(0\).*abc"
    ):
        ask(store)


def test_a_savedmodel_that_falls_short_is_refused_with_the_reason(store):
    short = verification(falls_short=ExportFormat.SAVED_MODEL)
    store.put(keys.run("abc", "verification.json"), short.to_json())
    with pytest.raises(DataError, match="not published: agrees on 30 of 44 images"):
        ask(store)


def test_a_version_whose_files_are_gone_is_refused(store):
    gone = Removal(run_id="abc", objects=9, size_bytes=99)
    write_document(store, gone, keys.removal("abc"))
    with pytest.raises(DataError, match=r"removed by housekeeping.*--force"):
        ask(store)
    assert champion.read(store, "sample").pointer.model_version == 1


class Sweeping(InMemoryStore):
    """Housekeeping takes run `abc` just before the pointer moves."""

    def compare_and_set(self, key, data, *, etag):
        if key == keys.champion("sample"):
            gone = Removal(run_id="abc", objects=9, size_bytes=99)
            self.put(keys.removal("abc"), gone.to_json())
        return super().compare_and_set(key, data, etag=etag)


def test_where_the_files_go_meanwhile_the_champion_before_is_the_champion_again(store):
    sweeping = Sweeping()
    sweeping.objects = store.objects
    with pytest.raises(DataError, match="removed by housekeeping"):
        ask(sweeping)
    pointer = champion.read(store, "sample").pointer
    assert (pointer.model_version, pointer.run_id) == (1, "old")
    assert [made.model_version for made in pointer.history] == [1, 2, 1]
    assert pointer.history[-1].reason == "the files of version 2 went meanwhile"


def test_a_first_champion_whose_files_go_meanwhile_is_told_of(store):
    sweeping = Sweeping()
    sweeping.objects = store.objects
    store.delete([keys.champion("sample")])
    with pytest.raises(DataError, match="removed by housekeeping, and it is the champion now"):
        ask(sweeping)
    assert champion.read(store, "sample").pointer.model_version == 2


class Followed(Sweeping):
    """And somebody else promotes version 3 once the pointer has moved."""

    def compare_and_set(self, key, data, *, etag):
        moved = super().compare_and_set(key, data, etag=etag)
        if moved and champion.read(self, "sample").pointer.model_version == 2:
            champion.appoint(self, "sample", champion.move(3, "else", by="bob", at=LATER))
        return moved


def test_where_the_files_go_meanwhile_the_move_of_somebody_else_stays(store):
    followed = Followed()
    followed.objects = store.objects
    with pytest.raises(DataError, match="removed by housekeeping; expected"):
        ask(followed)
    assert [made.model_version for made in champion.read(store, "sample").pointer.history] == [
        1,
        2,
        3,
    ]


def test_a_verdict_that_cannot_be_read_is_told_before_anything_moves(store):
    store.put(keys.run("abc", "verdict.json"), b"{}")
    with pytest.raises(SpecError, match=r"verdict\.json"):
        ask(store)
    assert champion.read(store, "sample").pointer.model_version == 1


def test_a_promotion_without_a_reason_is_refused(store):
    with pytest.raises(SpecError, match=r"no reason is given.*--reason"):
        ask(store, reason=" ")
