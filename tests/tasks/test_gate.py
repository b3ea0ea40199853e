"""The gate's decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.errors import DataError, SortlineError
from ray_jobs.contract.verdict import Decision
from tasks.champion import LostRaceError, move
from tasks.gate import Policy, decide, judge
from tests.tasks.clock import NOON
from tests.tasks.documents import evaluation, scores


def pointer(run_id: str, version: int = 1) -> ChampionPointer:
    made = move(version, run_id, by="test", at=NOON)
    return ChampionPointer(model="sample", model_version=version, run_id=run_id, history=(made,))


def test_first_candidate_that_reaches_the_floor_is_promoted():
    decision, reasons = decide(scores(5, 10), None, Policy(accuracy_floor=0.5))
    assert decision is Decision.PROMOTED
    assert reasons == (
        "test accuracy 0.500 (5 of 10) reaches the floor of 0.5",
        "there is no champion to compare with",
    )


def test_first_candidate_below_the_floor_fails_the_run():
    fact = r"0\.400 \(4 of 10\) is below the floor of 0\.5, and there is no champion to keep"
    expectation, remedy = r"expected a first model of at least 0\.5", "--set epochs=N"
    with pytest.raises(DataError, match=f"{fact}; {expectation}.*{remedy}"):
        decide(scores(4, 10), None, Policy())


def test_candidate_below_the_floor_keeps_even_a_worse_champion():
    decision, reasons = decide(scores(4, 10), scores(3, 10, version=7), Policy())
    assert decision is Decision.KEPT
    assert "below the floor" in reasons[0]
    assert "champion version 7 with 0.300 (3 of 10)" in reasons[1]


def test_better_candidate_is_promoted_and_the_figures_say_why():
    decision, reasons = decide(scores(331, 379), scores(322, 379, version=3), Policy())
    assert decision is Decision.PROMOTED
    assert reasons == (
        "test accuracy is better: 0.873 (331 of 379) against 0.850 (322 of 379) "
        "of champion version 3",
    )


def test_worse_candidate_keeps_the_champion():
    decision, reasons = decide(scores(30, 45), scores(31, 45, version=2), Policy())
    assert decision is Decision.KEPT
    assert "not better" in reasons[0]


@given(images=st.integers(1, 10_000), share=st.floats(0.5, 1))
def test_a_tie_keeps_the_champion_whatever_the_counts(images, share):
    correct = min(images, round(images * share) + 1)
    decision, reasons = decide(scores(correct, images), scores(correct, images), Policy())
    assert decision is Decision.KEPT
    assert reasons[-1] == "a tie keeps the champion"


@given(images=st.integers(2, 10_000), data=st.data())
def test_one_more_right_answer_decides(images, data):
    correct = data.draw(st.integers((images + 1) // 2, images - 1))
    assert decide(scores(correct + 1, images), scores(correct, images), Policy())[0] == "promoted"
    assert decide(scores(correct, images), scores(correct + 1, images), Policy())[0] == "kept"


def test_scores_on_different_images_are_not_compared():
    with pytest.raises(SortlineError, match=r"45 images, the champion on 40; .*same images.*again"):
        decide(scores(44, 45), scores(39, 40), Policy())


def test_verdict_names_the_champion_it_was_compared_with():
    result = evaluation(scores(40, run_id="new"), scores(39, run_id="old", version=4))
    verdict = judge(result, pointer("old", 4), Policy())
    assert (verdict.run_id, verdict.decision, verdict.champion_before) == ("new", "promoted", 4)


def test_champion_that_moved_since_the_evaluation_is_not_judged_against():
    result = evaluation(scores(40, run_id="new"), scores(39, run_id="old", version=4))
    with pytest.raises(
        LostRaceError, match=r"run old.* that of run other; .*champion of now.*again"
    ):
        judge(result, pointer("other", 5), Policy())


def test_champion_that_came_up_after_an_evaluation_without_one_is_seen():
    with pytest.raises(LostRaceError, match="run None"):
        judge(evaluation(scores(40, run_id="new")), pointer("other"), Policy())


def test_judging_again_after_the_promotion_gives_the_same_verdict():
    result = evaluation(scores(40, run_id="new"), scores(39, run_id="old", version=4))
    before = judge(result, pointer("old", 4), Policy())
    assert judge(result, pointer("new", 5), Policy()) == before
