"""The champion pointer and its moves."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.champion import Act
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.contract.removal import Removal
from ray_jobs.storage import write_document
from tasks.judging.champion import LostRaceError, appoint, move, promote, read, rollback
from tests.fakes import InMemoryStore
from tests.tasks.clock import EVENING, LATER, NOON


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


def to(version: int, at=NOON):
    return move(version, f"run{version}", by="retrain_classifier", at=at)


def promote_all(store, *versions):
    for version in versions:
        now = read(store, "sample").pointer
        before = now.model_version if now else None
        promote(store, "sample", to(version), judged_against=before)


def versions_of(store):
    pointer = read(store, "sample").pointer
    return [made.model_version for made in pointer.history]


def test_there_is_no_champion_before_the_first_promotion(store):
    assert read(store, "sample") == (None, None)


def test_first_promotion_writes_the_pointer_and_its_history(store):
    promote_all(store, 1)
    pointer = read(store, "sample").pointer
    assert (pointer.model_version, pointer.run_id, len(pointer.history)) == (1, "run1", 1)
    assert pointer.history[0].at == "2026-01-02T12:00:00+00:00"


def test_instants_are_kept_in_utc():
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert to(1, at=there).at == to(1).at


def test_of_two_promotions_judged_against_one_champion_the_second_must_compare_again(store):
    promote_all(store, 1)
    promote(store, "sample", to(2), judged_against=1)
    with pytest.raises(LostRaceError, match=r"moved .*; expected the champion .* Compare again"):
        promote(store, "sample", to(3), judged_against=1)
    assert versions_of(store) == [1, 2]


def test_of_two_first_promotions_one_wins(store):
    promote(store, "sample", to(1), judged_against=None)
    with pytest.raises(LostRaceError, match="Compare again"):
        promote(store, "sample", to(2), judged_against=None)


def test_pointer_that_moves_between_reading_and_writing_is_not_overwritten(store):
    class Racing(InMemoryStore):
        def compare_and_set(self, key, data, *, etag):
            if etag is not None:
                self.objects[key] = other  # another writer comes first
            return super().compare_and_set(key, data, etag=etag)

    promote_all(store, 1, 3)
    other = store.objects[keys.champion("sample")]
    racing = Racing()
    promote_all(racing, 1)
    with pytest.raises(LostRaceError, match="Compare again"):
        promote(racing, "sample", to(2), judged_against=1)
    assert versions_of(racing) == [1, 3]


class Unheard(InMemoryStore):
    """What it writes is written, and the answer to the first try is lost."""

    def compare_and_set(self, key, data, *, etag):
        super().compare_and_set(key, data, etag=etag)
        return super().compare_and_set(key, data, etag=etag)


def test_a_move_whose_answer_was_lost_is_no_lost_race():
    store = Unheard()
    promote_all(store, 1, 2)
    assert rollback(store, "sample", None, "ada", LATER).model_version == 1
    assert versions_of(store) == [1, 2, 1]


def test_a_move_whose_answer_was_lost_and_that_another_followed_was_made_all_the_same():
    class Followed(Unheard):
        def compare_and_set(self, key, data, *, etag):
            made = super().compare_and_set(key, data, etag=etag)
            if read(self, "sample").pointer.model_version == 2:
                appoint(self, "sample", to(3))
            return made

    store = Followed()
    promote_all(store, 1)
    assert promote(store, "sample", to(2), judged_against=1).model_version == 3
    assert versions_of(store) == [1, 2, 3]


def test_promotion_that_was_made_already_is_found_not_repeated(store):
    promote(store, "sample", to(1), judged_against=None)
    promote(store, "sample", to(1, at=LATER), judged_against=None)
    assert versions_of(store) == [1]


def test_promotion_that_was_made_and_rolled_back_is_not_made_again(store):
    promote_all(store, 1, 2)
    rollback(store, "sample", None, "ada", LATER)
    assert promote(store, "sample", to(2, at=EVENING), judged_against=1).model_version == 1
    assert versions_of(store) == [1, 2, 1]


def test_first_promotion_that_was_made_and_gave_way_to_another_is_not_made_again(store):
    promote_all(store, 1, 2)
    assert promote(store, "sample", to(1, at=EVENING), judged_against=None).model_version == 2
    assert versions_of(store) == [1, 2]


def test_a_version_that_was_champion_before_the_one_it_is_judged_against_is_promoted(store):
    appoint(store, "sample", to(2))
    appoint(store, "sample", to(3))
    assert promote(store, "sample", to(2, at=EVENING), judged_against=3).model_version == 2


def test_a_version_that_a_person_tried_and_took_back_before_its_verdict_is_promoted(store):
    promote_all(store, 1)
    tried = move(2, "run2", by="ada", at=NOON, act=Act.PROMOTION)
    appoint(store, "sample", tried)
    rollback(store, "sample", None, "ada", LATER)
    assert promote(store, "sample", to(2, at=EVENING), judged_against=1).model_version == 2
    assert versions_of(store) == [1, 2, 1, 2]


def test_a_version_that_a_person_made_champion_after_its_comparison_stays_so(store):
    promote_all(store, 1)
    appoint(store, "sample", move(2, "run2", by="ada", at=NOON, act=Act.PROMOTION))
    assert promote(store, "sample", to(2, at=EVENING), judged_against=1).model_version == 2
    assert versions_of(store) == [1, 2]


def test_a_champion_that_was_compared_with_itself_does_not_move(store):
    promote_all(store, 1)
    appoint(store, "sample", to(2))
    promote(store, "sample", to(2, at=EVENING), judged_against=2)
    assert versions_of(store) == [1, 2]


def test_roll_back_returns_to_the_champion_before_and_is_recorded(store):
    promote_all(store, 1, 2, 5)
    pointer = rollback(store, "sample", None, "ada", LATER, reason="too many cups as glass")
    assert (pointer.model_version, pointer.run_id) == (2, "run2")
    assert pointer.history[-1].reason == "too many cups as glass"
    assert pointer == read(store, "sample").pointer
    assert versions_of(store) == [1, 2, 5, 2]
    assert (pointer.history[-1].by, pointer.history[-1].act) == ("ada", Act.ROLLBACK)


def test_rolling_back_twice_goes_back_two(store):
    promote_all(store, 1, 2, 5)
    rollback(store, "sample", None, "ada", LATER)
    assert rollback(store, "sample", None, "ada", EVENING).model_version == 1


def test_the_same_roll_back_asked_again_is_one_move(store):
    promote_all(store, 1, 2, 5)
    rollback(store, "sample", None, "ada", LATER)
    assert rollback(store, "sample", None, "ada", LATER).model_version == 2
    assert versions_of(store) == [1, 2, 5, 2]


def test_after_a_roll_back_the_next_promotion_goes_on_from_there(store):
    promote_all(store, 1, 2)
    rollback(store, "sample", None, "ada", LATER)
    promote_all(store, 3)
    assert rollback(store, "sample", None, "ada", EVENING).model_version == 1


def test_roll_back_to_a_named_version_works_forwards_too(store):
    promote_all(store, 1, 2, 5)
    rollback(store, "sample", 1, "ada", LATER)
    assert rollback(store, "sample", 5, "ada", EVENING).run_id == "run5"


def test_a_promotion_of_an_earlier_version_is_rolled_back_to_the_champion_before_it(store):
    promote_all(store, 1, 2, 5)
    appoint(store, "sample", to(2))
    assert rollback(store, "sample", None, "ada", LATER).model_version == 5
    assert rollback(store, "sample", None, "ada", EVENING).model_version == 2


def test_the_first_champion_made_champion_again_by_mistake_is_rolled_back(store):
    promote_all(store, 1, 2)
    appoint(store, "sample", to(1))
    assert rollback(store, "sample", None, "ada", LATER).model_version == 2
    assert versions_of(store) == [1, 2, 1, 2]


def test_a_roll_back_to_a_named_version_undoes_all_since(store):
    promote_all(store, 1, 2, 5)
    rollback(store, "sample", 1, "ada", LATER)
    with pytest.raises(DataError, match="no champion before version 1"):
        rollback(store, "sample", None, "ada", EVENING)


def test_roll_back_to_the_champion_of_now_changes_nothing(store):
    promote_all(store, 1, 2)
    assert rollback(store, "sample", 2, "ada", LATER).model_version == 2
    assert versions_of(store) == [1, 2]


def test_roll_back_without_a_champion_names_the_models_that_have_one(store):
    promote(store, "glass", to(1), judged_against=None)
    with pytest.raises(DataError, match=r"'sample' has no champion yet; .*: glass.*retrain"):
        rollback(store, "sample", None, "ada", LATER)


def test_roll_back_past_the_first_champion_is_refused(store):
    promote_all(store, 1)
    with pytest.raises(DataError, match=r"no champion before version 1; expected .*: 1.*Name one"):
        rollback(store, "sample", None, "ada", LATER)


def test_roll_back_to_a_version_that_never_was_champion_lists_those_that_were(store):
    promote_all(store, 1, 3)
    with pytest.raises(SpecError, match=r"version 2 .*never was champion; .*: 1, 3\..*promote 2"):
        rollback(store, "sample", 2, "ada", LATER)


def test_roll_back_to_a_version_whose_files_are_gone_is_refused(store):
    promote_all(store, 1, 2)
    write_document(store, Removal(run_id="run1", objects=9, size_bytes=9), keys.removal("run1"))
    with pytest.raises(DataError, match=r"the files of version 1 .* were removed"):
        rollback(store, "sample", None, "ada", LATER)
    assert versions_of(store) == [1, 2]


def test_a_person_may_make_any_version_champion_and_it_is_recorded(store):
    promote_all(store, 1)
    said = move(7, "run7", by="ada", at=LATER, reason="the gate lacks its photos")
    pointer = appoint(store, "sample", said)
    assert (pointer.model_version, pointer.run_id) == (7, "run7")
    assert read(store, "sample").pointer.history == (*pointer.history[:1], said)


def test_a_person_may_make_the_first_champion(store):
    assert appoint(store, "sample", to(3)).model_version == 3


def test_appointing_the_champion_of_now_changes_nothing(store):
    promote_all(store, 1, 2)
    assert appoint(store, "sample", to(2, at=LATER)).model_version == 2
    assert versions_of(store) == [1, 2]


def test_a_candidate_judged_against_the_champion_before_an_appointment_compares_again(store):
    promote_all(store, 1)
    appoint(store, "sample", to(7))
    with pytest.raises(LostRaceError, match="Compare again"):
        promote(store, "sample", to(8), judged_against=1)


def test_after_an_appointment_a_roll_back_returns_to_the_champion_before(store):
    promote_all(store, 1, 2)
    appoint(store, "sample", to(7))
    assert rollback(store, "sample", None, "ada", EVENING).model_version == 2
