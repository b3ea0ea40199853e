"""The gate's decision, check by check."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.errors import DataError, SortlineError
from ray_jobs.contract.evaluation import DataCheck
from ray_jobs.contract.export import ExportFormat, Latency
from ray_jobs.contract.verdict import Aim, Check, Decision, Policy
from ray_jobs.scoring.comparison import compare
from ray_jobs.scoring.scores import score
from ray_jobs.storage import write_document
from tasks.judging.champion import LostRaceError, move
from tasks.judging.gate import Candidate, decide, judge, mark
from tests.fakes import InMemoryStore
from tests.ray_jobs.scoring.answering import answers, named
from tests.tasks.clock import NOON
from tests.tasks.documents import comparison, estimate, evaluation, scores, verification

FIT = (DataCheck(name="images", passed=True, fact="45 test images, at least 10"),)
NOT_WORSE = Policy(aim=Aim.NOT_WORSE, margin=0.05)


def candidate(correct: int = 349, images: int = 375, **given) -> Candidate:
    known = {"scores": scores(correct, images, run_id="new"), "verification": verification("new")}
    return Candidate(**{"run_id": "new", "checks": FIT} | known | given)


def beside(ours: int = 349, theirs: int = 327, images: int = 375, both: int | None = 321):
    """The candidate and champion version 3; 28 and 6 are right alone, if not told otherwise."""
    champion = scores(theirs, images, run_id="old", version=3)
    return comparison(scores(ours, images, run_id="new"), champion, both)


def pointer(run_id: str, version: int = 1) -> ChampionPointer:
    made = move(version, run_id, by="test", at=NOON)
    return ChampionPointer(model="sample", model_version=version, run_id=run_id, history=(made,))


def failed(verdict) -> list[Check]:
    return [one.check for one in verdict.findings if not one.passed]


def fact(verdict, check: Check) -> str:
    return next(one.fact for one in verdict.findings if one.check is check)


def test_a_better_candidate_is_promoted_and_the_figures_say_why():
    verdict = decide(candidate(), beside(), Policy())
    assert verdict.decision is Decision.PROMOTED
    assert verdict.reasons == (
        "test accuracy 0.931 (349 of 375) reaches the floor of 0.5, macro F1 0.931 that of 0.4",
        "better, with an error rate of at most 0.05: "
        "test accuracy 0.931 (349 of 375) against 0.872 (327 of 375) of champion version 3; "
        "28 images right by the candidate alone, 6 by the champion alone, p < 0.0001; "
        "accuracy +0.059 (95% interval +0.049 to +0.069), "
        "macro F1 +0.059 (95% interval +0.049 to +0.069)",
    )


def test_a_verdict_holds_a_finding_for_each_check_and_what_it_was_judged_by():
    policy = Policy(margin=0.02)
    verdict = decide(candidate(), beside(), policy)
    assert [one.check for one in verdict.findings] == list(Check)
    assert (verdict.run_id, verdict.champion_before, verdict.policy) == ("new", 3, policy)


def test_a_verdict_that_keeps_the_champion_names_everything_that_failed():
    unfit = (DataCheck(name="images", passed=False, fact="8 test images, at least 10"),)
    verdict = decide(candidate(checks=unfit), beside(327, 327), Policy(accuracy_floor=0.95))
    assert verdict.decision is Decision.KEPT
    assert failed(verdict) == [Check.DATA, Check.FLOORS, Check.COMPARISON]
    assert verdict.reasons[0] == "8 test images, at least 10"
    assert len(verdict.reasons) == 3


def test_a_test_split_that_nobody_checked_decides_nothing():
    verdict = decide(candidate(checks=()), beside(), Policy())
    assert verdict.reasons == ("nobody checked the test split",)


@pytest.mark.parametrize(("images", "p"), [(5, "0.0312"), (4, "0.0625")])
def test_five_images_more_are_beyond_chance_and_four_are_not(images: int, p: str):
    """Alone right on 5 of 5: 1/32; on 4 of 4: 1/16."""
    verdict = decide(candidate(), beside(300 + images, 300, both=300), Policy())
    assert (failed(verdict) == []) == (images == 5)
    assert f"p = {p}" in fact(verdict, Check.COMPARISON)


def test_an_error_rate_of_the_policy_is_the_one_that_counts():
    five = beside(305, 300, both=300)
    assert decide(candidate(), five, Policy(error_rate=0.03)).decision is Decision.KEPT


def test_a_macro_f1_that_may_have_fallen_keeps_the_champion():
    unsure = beside().model_copy(update={"macro_f1_difference": estimate(0.05, half=0.05)})
    verdict = decide(candidate(), unsure, Policy())
    assert failed(verdict) == [Check.COMPARISON]
    assert "not shown to be better" in verdict.reasons[0]


def test_a_difference_that_is_not_defined_is_no_better_one():
    unknown = beside().model_copy(update={"macro_f1_difference": estimate(None)})
    verdict = decide(candidate(), unknown, Policy())
    assert "macro F1 (difference not defined)" in verdict.reasons[0]


@given(
    images=st.integers(30, 10_000),
    share=st.floats(0.5, 1),
    aim=st.sampled_from(Aim),
    data=st.data(),
)
def test_a_tie_keeps_the_champion_whatever_the_counts_and_the_aim(images, share, aim, data):
    correct = min(images, round(images * share) + 1)
    both = data.draw(st.integers(max(0, 2 * correct - images), correct))
    tie = beside(correct, correct, images, both)
    verdict = decide(candidate(correct, images), tie, Policy(aim=aim))
    assert verdict.decision is Decision.KEPT
    assert failed(verdict) == [Check.COMPARISON]
    assert verdict.reasons[0].startswith("as many images are right, and a tie keeps the champion")


@pytest.mark.parametrize("classes", [(), ("glass",)])
@pytest.mark.parametrize("aim", Aim)
def test_a_candidate_that_shares_no_two_classes_with_the_champion_is_told_so(classes, aim):
    apart = beside().model_copy(update={"classes": classes, "recall_differences": {}})
    verdict = decide(candidate(), apart, Policy(aim=aim))
    assert verdict.decision is Decision.KEPT
    assert verdict.reasons == (
        f"{len(classes)} of its classes are the champion's, nothing to compare; "
        "`sortline promote` makes it champion all the same",
    )


def test_an_aim_of_not_worse_takes_what_loses_less_than_the_margin():
    """15 of 375 images fewer, -0.04 in a half width of 0.01, reach -0.05; 14 do not."""
    assert decide(candidate(), beside(312, 327, both=312), NOT_WORSE).decision is Decision.KEPT
    verdict = decide(candidate(), beside(313, 327, both=313), NOT_WORSE)
    assert verdict.decision is Decision.PROMOTED
    assert verdict.reasons[1].startswith("not worse by 0.05 or more: ")


def test_a_class_that_loses_too_much_recall_keeps_the_champion_and_is_named():
    loses = beside()
    recalls = loses.recall_differences | {"glass": estimate(-0.11, 30)}
    verdict = decide(
        candidate(), loses.model_copy(update={"recall_differences": recalls}), Policy()
    )
    assert verdict.reasons == ("'glass' loses 0.110 of its recall, more than 0.1 (30 images)",)


@pytest.mark.parametrize(
    ("change", "images"),
    [(0.7 - 0.8, 30), (-0.9, 29), (0.2, 30)],
    ids=["at the limit", "few", "up"],
)
def test_a_class_may_lose_what_the_policy_allows_and_a_small_one_anything(change, images):
    allowed = beside()
    recalls = allowed.recall_differences | {"glass": estimate(change, images)}
    allowed = allowed.model_copy(update={"recall_differences": recalls})
    assert decide(candidate(), allowed, Policy()).decision is Decision.PROMOTED


def test_a_new_class_that_takes_the_images_of_an_old_one_keeps_the_champion():
    """As shipped, 20 of 40 `a` are answered with the new `n`; the champion has 37 of them right."""
    truths = "a" * 40 + "b" * 40 + "n" * 10
    right_a, taken_a, right_b, right_n = (
        [[0.8, 0.1, 0.1]],
        [[0.3, 0.1, 0.6]],
        [[0.1, 0.8, 0.1]],
        [[0.1, 0.1, 0.8]],
    )
    rows = right_a * 20 + taken_a * 20 + right_b * 40 + right_n * 10
    before = [[0.9, 0.1]] * 37 + [[0.1, 0.9]] * 33 + [[0.9, 0.1]] * 20
    ours = answers(truths, rows, classes="abn")
    theirs = answers(truths, before, classes="abn", of_model="ab")
    scored = candidate(scores=score(ours, replicates=100))
    compared = compare(ours, theirs, replicates=100)
    verdict = decide(scored, compared, Policy(calibration_error=None))
    assert verdict.reasons == ("'a' loses 0.425 of its recall, more than 0.1 (40 images)",)


def without_class(candidate_sees: str, champion_sees: str, *, n: int):
    """The verdict on a candidate that knows `a` and `b` alone, on 50 of each and so many `n`."""
    truths = "a" * 50 + "b" * 50 + "n" * n
    ours = named(truths, candidate_sees + "a" * n, classes="abn", of_model="ab")
    theirs = named(truths, champion_sees + "n" * n, classes="abn")
    scored = candidate(scores=score(ours, replicates=100))
    return decide(scored, compare(ours, theirs, replicates=100), Policy(calibration_error=None))


def test_a_class_that_only_the_champion_knows_keeps_it_and_is_named():
    verdict = without_class("a" * 50 + "b" * 50, "b" * 10 + "a" * 40 + "b" * 50, n=30)
    assert verdict.reasons == (
        "'n' loses 1.000 of its recall, more than 0.1 (30 images; the candidate does not know it)",
    )


def test_a_small_class_that_only_the_champion_knows_may_be_lost():
    verdict = without_class("a" * 50 + "b" * 50, "b" * 10 + "a" * 40 + "b" * 50, n=29)
    assert verdict.decision is Decision.PROMOTED


def test_a_class_that_the_newest_version_does_not_have_is_said_to_be_lost():
    gone = beside().model_copy(update={"classes_gone": ("wood", "wool")})
    verdict = decide(candidate(), gone, Policy())
    assert verdict.decision is Decision.PROMOTED
    assert fact(verdict, Check.CLASSES).endswith(
        "; the champion knows 'wood', 'wool', which the newest version does not have"
    )


def test_a_required_export_that_falls_short_keeps_the_champion():
    short = candidate(verification=verification("new", falls_short=ExportFormat.SAVED_MODEL))
    verdict = decide(short, beside(), Policy())
    assert verdict.reasons == ("savedmodel falls short: agrees on 30 of 44 images",)


@pytest.mark.parametrize("others", [(), (ExportFormat.ONNX,)])
def test_the_savedmodel_is_required_by_every_policy(others):
    short = candidate(verification=verification("new", falls_short=ExportFormat.SAVED_MODEL))
    verdict = decide(short, beside(), Policy(required_exports=others))
    assert verdict.reasons == ("savedmodel falls short: agrees on 30 of 44 images",)


def test_an_export_that_is_not_required_may_fall_short():
    short = candidate(verification=verification("new", falls_short=ExportFormat.LITERT))
    assert decide(short, beside(), Policy()).decision is Decision.PROMOTED
    both = Policy(required_exports=(ExportFormat.SAVED_MODEL, ExportFormat.LITERT))
    assert failed(decide(short, beside(), both)) == [Check.EXPORTS]


def test_a_required_export_that_was_never_made_is_said_so():
    ran = verification("new")
    without = ran.model_copy(update={"formats": ran.formats[:1]})
    policy = Policy(required_exports=(ExportFormat.SAVED_MODEL, ExportFormat.ONNX))
    verdict = decide(candidate(verification=without), beside(), policy)
    assert verdict.reasons == ("onnx was not made",)


def test_an_export_that_needs_our_code_keeps_the_champion():
    ran = verification("new")
    reason = "a clean process cannot use the SavedModel"
    saved = ran.formats[0].model_copy(update={"published": False, "reason": reason})
    formats = (saved, *ran.formats[1:])
    ours = ran.model_copy(update={"clean_process": False, "formats": formats})
    verdict = decide(candidate(verification=ours), beside(), Policy())
    assert verdict.reasons == (f"savedmodel falls short: {reason}",)


def test_a_required_export_that_gives_no_answer_keeps_the_champion():
    ran = verification("new")
    silent = {"parity": None, "latency": None, "published": False, "reason": "it cannot be asked"}
    formats = (ran.formats[0], ran.formats[1].model_copy(update=silent), ran.formats[2])
    mute = candidate(verification=ran.model_copy(update={"formats": formats}))
    assert decide(mute, beside(), Policy()).decision is Decision.PROMOTED
    both = Policy(required_exports=(ExportFormat.SAVED_MODEL, ExportFormat.ONNX))
    assert decide(mute, beside(), both).reasons == ("onnx falls short: it cannot be asked",)


def test_a_model_that_is_too_sure_keeps_the_champion():
    verdict = decide(candidate(), beside(), Policy(calibration_error=0.02))
    assert verdict.reasons == ("calibration error 0.030 is above 0.02",)


@pytest.mark.parametrize(("images", "counts"), [(99, False), (100, True)])
def test_the_bound_on_calibration_counts_from_a_hundred_images_on(images: int, counts: bool):
    verdict = decide(candidate(90, images), beside(), Policy(calibration_error=0.02))
    assert (failed(verdict) == [Check.CALIBRATION]) == counts
    few = "calibration error 0.030; its bound counts from 100 images on, not 99"
    assert (fact(verdict, Check.CALIBRATION) == few) != counts


def test_a_slow_model_keeps_the_champion():
    verdict = decide(candidate(), beside(), Policy(latency_ms=11.9))
    assert verdict.reasons == ("savedmodel answers one image in 12.0 ms (median), at most 11.9 ms",)


def test_only_the_required_exports_must_be_fast():
    ran = verification("new")
    slow = ran.formats[1].model_copy(
        update={"latency": Latency(requests=100, threads=1, median_ms=5000, p99_ms=9000)}
    )
    mixed = ran.model_copy(update={"formats": (ran.formats[0], slow)})
    assert decide(candidate(verification=mixed), beside(), Policy()).decision is Decision.PROMOTED


def test_a_bound_of_none_is_no_bound():
    free = Policy(calibration_error=None, latency_ms=None)
    verdict = decide(candidate(), beside(), free)
    assert fact(verdict, Check.CALIBRATION) == "calibration error 0.030, without a bound"
    assert verdict.decision is Decision.PROMOTED


def test_the_first_candidate_that_passes_is_promoted():
    verdict = decide(candidate(5, 10), None, Policy(accuracy_floor=0.5))
    assert (verdict.decision, verdict.champion_before) == (Decision.PROMOTED, None)
    assert verdict.reasons == (
        "test accuracy 0.500 (5 of 10) reaches the floor of 0.5, macro F1 0.500 that of 0.4",
        "there is no champion to compare with",
    )


def test_the_first_candidate_that_fails_fails_the_run_with_all_that_failed():
    facts = (
        r"0\.400 \(40 of 100\) is below the floor of 0\.5; calibration error 0\.030 is above 0\.02"
    )
    rest = r"; and there is no champion to keep; expected a first model .*--set epochs=N"
    with pytest.raises(DataError, match=facts + rest):
        decide(candidate(40, 100), None, Policy(calibration_error=0.02))


def test_a_candidate_below_the_floor_keeps_even_a_worse_champion():
    verdict = decide(candidate(150, 375), beside(150, 100, both=100), Policy())
    assert verdict.reasons == ("test accuracy 0.400 (150 of 375) is below the floor of 0.5",)


def test_scores_on_different_images_are_not_compared():
    odd = beside().model_copy(update={"champion": scores(300, 374, version=3)})
    with pytest.raises(SortlineError, match=r"375 images, the champion on 374; .*same 375.*again"):
        decide(candidate(), odd, Policy())


def test_the_page_on_the_gate_shows_the_usual_policy():
    page = Path("infra/docs/gate.md").read_text()
    shown = page.split("```json")[1].split("```")[0]
    assert json.loads(shown) == Policy().model_dump(mode="json")


@pytest.fixture
def store() -> InMemoryStore:
    """Run `new` was verified, and evaluated beside version 4, of run `old`."""
    store = InMemoryStore()
    result = evaluation(scores(45, run_id="new"), scores(38, run_id="old", version=4))
    write_document(store, result, keys.judged("new", "evaluation.json"))
    write_document(store, verification("new"), keys.run("new", "verification.json"))
    return store


def test_a_verdict_names_its_evidence_by_the_bytes_that_were_read(store):
    verdict = judge(store, "new", pointer("old", 4), Policy())
    assert (verdict.run_id, verdict.decision, verdict.champion_before) == ("new", "promoted", 4)
    assert [one.key for one in verdict.evidence] == [
        "judged/new/evaluation.json",
        "runs/new/verification.json",
    ]
    for one in verdict.evidence:
        data = store.get(one.key)
        assert (one.sha256, one.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_champion_that_moved_since_the_evaluation_is_not_judged_against(store):
    with pytest.raises(
        LostRaceError, match=r"run old.* that of run other; .*champion of now.*again"
    ):
        judge(store, "new", pointer("other", 5), Policy())


def test_a_champion_that_came_up_after_an_evaluation_without_one_is_seen(store):
    alone = evaluation(scores(40, run_id="new"))
    store.put(keys.judged("new", "evaluation.json"), alone.to_json())
    with pytest.raises(LostRaceError, match="run None"):
        judge(store, "new", pointer("other"), Policy())


def test_a_first_model_that_fails_and_that_a_person_made_champion_is_judged_all_the_same(store):
    store.put(keys.judged("new", "evaluation.json"), evaluation(scores(18, run_id="new")).to_json())
    with pytest.raises(DataError, match="there is no champion to keep"):
        judge(store, "new", None, Policy())
    verdict = judge(store, "new", pointer("new"), Policy())
    assert (verdict.decision, verdict.champion_before) == (Decision.KEPT, None)
    assert verdict.reasons == (
        "test accuracy 0.400 (18 of 45) is below the floor of 0.5",
        "version 1 is the champion all the same, made so by test",
    )


def test_a_first_model_that_is_refused_is_counted_among_the_decisions_once(store):
    store.put(keys.judged("new", "evaluation.json"), evaluation(scores(18, run_id="new")).to_json())
    for _ in range(2):
        with pytest.raises(DataError, match="there is no champion to keep"):
            judge(store, "new", None, Policy())
    assert list(store.keys(keys.decisions("sample"))) == [
        keys.decisions_on("sample", "d" * 64) + "new"
    ]


def test_judging_again_after_the_promotion_gives_the_same_verdict(store):
    before = judge(store, "new", pointer("old", 4), Policy())
    assert judge(store, "new", pointer("new", 5), Policy()) == before


def test_a_verdict_is_counted_once_among_those_of_its_test_images(store):
    for _ in range(2):
        mark(store, "sample", "new")
    assert list(store.keys(keys.decisions_on("sample", "d" * 64))) == [
        "models/sample/decisions/dddddddddddd/new"
    ]
