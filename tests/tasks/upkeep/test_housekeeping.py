"""What housekeeping removes of the runs; and that nothing else ever goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.removal import Removal
from ray_jobs.storage import find_document, read_document, write_document
from tasks.judging import champion
from tasks.judging.card import assemble_card
from tasks.judging.roll import is_whole
from tasks.upkeep.housekeeping import tidy, would_tidy
from tasks.upkeep.leftovers import Age, Kind, named_by
from tests.fakes import InMemoryStore
from tests.tasks.clock import NOON
from tests.tasks.documents import registration, write_run

DAY = timedelta(days=1)
LIMIT = 14 * DAY


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


def complete(store, version: int, *, days_ago: int = 30) -> str:
    """Run `r<version>` of model `sample`: complete, with every file that its documents name."""
    run_id = f"r{version}"
    store.now = NOON - days_ago * DAY
    write_run(store, run_id)
    registered = registration(run_id).model_copy(update={"model_version": version})
    write_document(store, registered, keys.model_version("sample", version))
    card = assemble_card(store, run_id, "sample", version)
    for key in sorted(named_by(card)):
        store.put(key, b"heavy")
    store.put(keys.run(run_id, "ray-train/checkpoint_1/arrays"), b"old weights")
    store.put(keys.judged(run_id, "report.html"), b"page")
    write_document(store, card, keys.judged(run_id, "card.json"))
    store.now = NOON
    return run_id


AGE = Age(NOON - LIMIT, NOON - LIMIT)


def nobody() -> bool:
    return False


def sweep(store, keep_candidates: int = 0, is_training=nobody):
    """What was removed, by kind, without the runs' common prefix."""
    gone = tidy(store, AGE, keep_candidates=keep_candidates, is_training=is_training)
    return {
        kind: [one.key.removeprefix("runs/") for one in found]
        for kind, found in gone.items()
        if found
    }


def left(store, run_id: str) -> set[str]:
    own, judged = keys.run(run_id), keys.judged(run_id)
    found = [*store.keys(own), *store.keys(judged)]
    return {key.removeprefix(own).replace(judged, "judged/") for key in found}


def documents() -> set[str]:
    steps = ("spec", "training", "exports", "verification", "verdict", "registration")
    judged = ("evaluation.json", "card.json", "report.html")
    return {f"{step}.json" for step in steps} | {f"judged/{name}" for name in judged}


def test_of_an_old_candidate_the_files_go_and_the_documents_stay(store):
    run_id = complete(store, 1)
    heavy = left(store, run_id) - documents()
    gone = sweep(store)
    assert gone[Kind.CHECKPOINTS] == ["r1/ray-train/checkpoint_1/arrays"]
    assert len(gone[Kind.SUPERSEDED]) == len(heavy) - 1 > 10
    assert left(store, run_id) == documents() | {"removed.json"}


def test_what_was_removed_is_counted_in_the_run_before_it_goes(store):
    class Dying(InMemoryStore):
        def delete(self, keys):
            raise InterruptedError

    dying = Dying()
    run_id = complete(dying, 1)
    with pytest.raises(InterruptedError):
        sweep(dying)
    files = len(named_by(assemble_card(dying, run_id, "sample", 1)))
    removal = read_document(dying, Removal, keys.removal(run_id))
    assert (removal.objects, removal.size_bytes) == (files, 5 * files)


def test_a_sweep_that_was_cut_short_is_gone_on_with(store):
    run_id = complete(store, 1)
    write_document(store, Removal(run_id=run_id, objects=9, size_bytes=9), keys.removal(run_id))
    sweep(store)
    assert left(store, run_id) == documents() | {"removed.json"}
    assert sweep(store) == {}


def test_every_version_that_ever_was_champion_stays_whole_but_for_its_checkpoints(store):
    for version in (1, 2, 3):
        complete(store, version)
        before = champion.read(store, "sample").pointer
        to = champion.move(version, f"r{version}", by="gate", at=NOON)
        judged_against = before.model_version if before else None
        champion.promote(store, "sample", to, judged_against=judged_against)
    assert set(sweep(store)) == {Kind.CHECKPOINTS}
    assert all(is_whole(store, f"r{version}") for version in (1, 2, 3))


class Promoting(InMemoryStore):
    """Version `version` is made champion while the first objects are removed."""

    version: int

    def delete(self, keys):
        if champion.read(self, "sample").pointer is None:
            appointed = champion.move(self.version, f"r{self.version}", by="ada", at=NOON)
            champion.appoint(self, "sample", appointed)
        super().delete(keys)


@pytest.mark.parametrize("make", ["complete", "given_up"])
def test_a_version_that_is_made_champion_during_the_sweep_stays_whole(make):
    store = Promoting()
    complete(store, 1)
    if make == "complete":
        complete(store, 2)
    else:
        given_up(store, "r2")
    before, store.version = left(store, "r2"), 2
    assert set(sweep(store)) == {Kind.CHECKPOINTS, Kind.SUPERSEDED}
    assert not is_whole(store, "r1")
    assert left(store, "r2") == before


def test_a_sweep_that_was_cut_short_half_way_through_a_champion_is_not_denied():
    store = Promoting()
    complete(store, 1)
    complete(store, 2)
    write_document(store, Removal(run_id="r2", objects=9, size_bytes=9), keys.removal("r2"))
    store.version = 2
    sweep(store)
    assert not is_whole(store, "r2")


def test_the_newest_candidates_stay_whole_by_number_not_by_name(store):
    for version in (2, 9, 10, 11):
        complete(store, version)
    sweep(store, keep_candidates=3)
    assert [is_whole(store, f"r{version}") for version in (2, 9, 10, 11)] == [
        False,
        True,
        True,
        True,
    ]


def test_each_model_keeps_candidates_of_its_own(store):
    complete(store, 1)
    other = registration("r2").model_copy(update={"model": "glass", "model_version": 1})
    complete(store, 2)
    store.delete([keys.model_version("sample", 2)])
    write_document(store, other, keys.model_version("glass", 1))
    sweep(store, keep_candidates=1)
    assert is_whole(store, "r1")
    assert is_whole(store, "r2")


def test_a_young_run_is_not_touched(store):
    complete(store, 1, days_ago=13)
    assert sweep(store) == {}


def test_a_file_that_no_document_names_goes_also_from_a_version_that_is_kept(store):
    run_id = complete(store, 1)
    store.now = NOON - 20 * DAY
    store.put(keys.judged(run_id, "exhibits/stray.jpg"), b"of an evaluation that was made anew")
    store.put(keys.judged(run_id, "predictions-0123.parquet"), b"also")
    store.now = NOON
    store.put(keys.run(run_id, "export/young"), b"young")
    gone = sweep(store, keep_candidates=1)
    assert gone[Kind.UNREFERENCED] == [
        "judged/r1/exhibits/stray.jpg",
        "judged/r1/predictions-0123.parquet",
    ]
    assert "export/young" in left(store, run_id)


def given_up(store, run_id: str = "r1", *, days_ago: int = 30) -> None:
    """A run that died after its evaluation; a document a minute."""
    store.now = NOON - days_ago * DAY
    for name in ("spec", "training", "registration", "exports"):
        store.put(keys.run(run_id, f"ray-train/{name}"), b"x")
        store.put(keys.run(run_id, f"{name}.json"), b"{}")
        store.now += timedelta(minutes=1)
    store.put(keys.judged(run_id, "evaluation.json"), b"{}")
    store.put(keys.judged(run_id, "exhibits/one.jpg"), b"x")
    store.now = NOON


def test_of_a_run_that_was_given_up_only_the_order_and_its_number_stay(store):
    given_up(store)
    gone = sweep(store)[Kind.GIVEN_UP]
    # The newest document first, files after all of them.
    assert gone[:3] == ["judged/r1/evaluation.json", "r1/exports.json", "r1/training.json"]
    assert gone[3] == "judged/r1/exhibits/one.jpg"
    assert len(gone) == 8
    assert left(store, "r1") == {"spec.json", "registration.json"}
    assert sweep(store) == {}


def test_a_run_without_a_card_is_not_touched_while_one_is_under_way(store):
    given_up(store)
    assert sweep(store, is_training=lambda: True) == {}


def test_a_training_that_begins_meanwhile_keeps_the_runs_that_it_may_take_up(store):
    given_up(store, "r1")
    given_up(store, "r2")
    complete(store, 3)
    answers = iter([False, True])
    gone = sweep(store, is_training=lambda: next(answers))
    assert left(store, "r1") == {"spec.json", "registration.json"}
    assert "training.json" in left(store, "r2")
    assert Kind.CHECKPOINTS in gone  # of r3, which is complete: nobody takes it up


def test_a_run_without_a_card_that_moved_lately_is_not_touched(store):
    given_up(store)
    store.put(keys.run("r1", "progress.json"), b"{}")
    assert sweep(store) == {}


def test_a_newest_candidate_that_was_never_judged_stays_whole_but_for_its_checkpoints(store):
    given_up(store)
    register(store, "r1")
    heavy = {f"ray-train/{name}" for name in ("spec", "training", "registration", "exports")}
    before = left(store, "r1")
    assert set(sweep(store, keep_candidates=1)) == {Kind.CHECKPOINTS}
    assert left(store, "r1") == before - heavy


def test_a_first_model_that_was_appointed_by_hand_loses_its_checkpoints_too(store):
    given_up(store)
    champion.appoint(store, "sample", champion.move(1, "r1", by="ada", at=NOON))
    assert set(sweep(store)) == {Kind.CHECKPOINTS}


def test_a_newest_candidate_whose_training_is_not_done_keeps_its_checkpoints(store):
    given_up(store)
    register(store, "r1")
    store.delete([keys.run("r1", "training.json")])
    assert sweep(store, keep_candidates=1) == {}


def test_a_newest_candidate_that_moved_lately_keeps_its_checkpoints(store):
    given_up(store, days_ago=13)
    register(store, "r1")
    assert sweep(store, keep_candidates=1) == {}


def test_a_newest_candidate_without_a_card_is_not_touched_while_a_run_is_under_way(store):
    given_up(store)
    register(store, "r1")
    assert sweep(store, keep_candidates=1, is_training=lambda: True) == {}


def register(store, run_id: str) -> None:
    registered = registration(run_id).model_copy(update={"model_version": 1})
    write_document(store, registered, keys.model_version("sample", 1))


def test_a_run_whose_card_cannot_be_read_is_left_alone_and_the_others_are_not(store, caplog):
    complete(store, 1)
    complete(store, 2)
    store.put(keys.judged("r1", "card.json"), b"{}")
    sweep(store)
    assert "ray-train/checkpoint_1/arrays" in left(store, "r1")
    assert "run r1 is left alone" in caplog.text
    assert find_document(store, Removal, keys.removal("r2")) is not None


def test_a_pointer_that_cannot_be_read_stops_everything(store):
    complete(store, 1)
    store.put(keys.champion("sample"), b"{}")
    before = dict(store.objects)
    with pytest.raises(SpecError, match=r"champion\.json"):
        sweep(store)
    assert store.objects == before


def test_a_newest_registration_that_cannot_be_read_is_named_and_stops_everything(store):
    complete(store, 1)
    complete(store, 10)
    store.put(keys.model_version("sample", 10), b"{}")
    before = dict(store.objects)
    with pytest.raises(SpecError, match=r"models/sample/versions/10\.json"):
        sweep(store, keep_candidates=1)
    assert store.objects == before


def test_a_dry_run_tells_the_same_and_removes_nothing(store):
    complete(store, 1)
    given_up(store, "r0")
    before = dict(store.objects)
    would = would_tidy(store, AGE, keep_candidates=0, is_training=nobody)
    assert store.objects == before
    assert tidy(store, AGE, keep_candidates=0, is_training=nobody) == would
