"""What a person is asked before a promotion, and what the answer makes of the verdict."""

from __future__ import annotations

import pytest

from ray_jobs.contract.verdict import Decision
from tasks.judging.approval import Answer, Approval, ask, judged
from tests.tasks.documents import evaluation, scores, spec, verdict

URL = "http://mlflow/#/models/sample/versions/4"


@pytest.mark.parametrize(
    ("answer", "by", "decision", "reason"),
    [
        (Answer.NOT_ASKED, None, Decision.PROMOTED, None),
        (Answer.APPROVED, "ada", Decision.PROMOTED, "a person (ada) approved the promotion"),
        (Answer.REJECTED, "ada", Decision.KEPT, "a person (ada) rejected the promotion"),
        (Answer.TIMED_OUT, None, Decision.KEPT, "nobody approved within 24 hours"),
    ],
)
def test_an_answer_leaves_the_promotion_or_keeps_the_champion(answer, by, decision, reason):
    found = judged(verdict(), Approval(answer=answer, by=by))
    assert found.decision is decision
    assert found.reasons == tuple(one for one in (reason, "because") if one)


@pytest.mark.parametrize("answer", Answer)
def test_no_answer_promotes_what_the_gate_keeps(answer):
    kept = verdict(decision=Decision.KEPT)
    assert judged(kept, Approval(answer=answer, by="ada")) == kept


def test_the_question_carries_what_is_needed_to_decide():
    judgement = evaluation(scores(41), scores(40, run_id="old", version=3))
    asked = ask(spec(), judgement, verdict(), version=4, url=URL)
    assert asked.subject == "Promote version 4 of sample?"
    assert (
        "| candidate, version 4 | 0.911 | 0.811 to 1.011 | 41 of 45 images | 0.911 |" in asked.body
    )
    assert (
        "| champion, version 3 | 0.889 | 0.789 to 0.989 | 40 of 45 images | 0.889 |" in asked.body
    )
    assert "- because" in asked.body
    assert "| glass | 15 | 0.911 | 0.889 |" in asked.body
    assert "within 24 hours the champion stays" in asked.body
    assert f"]({URL})" in asked.body
    assert "data set sample, version v1; recipe tiny, seed 0, code deadbeef" in asked.body


def test_the_question_about_a_first_model_says_that_there_is_no_champion():
    asked = ask(spec(), evaluation(scores(41)), verdict(), version=1, url=URL)
    assert "| champion | none yet | | | |" in asked.body
    assert "| glass | 15 | 0.911 | - |" in asked.body


def test_a_note_cannot_break_the_table_it_stands_below():
    noted = spec().model_copy(update={"note": "a|b\n\n# c"})
    asked = ask(noted, evaluation(scores(41)), verdict(), version=1, url=URL)
    assert "note: a\\|b # c" in asked.body
