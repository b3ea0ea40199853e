"""The evaluation: two shipped models on the newest test split."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ray_jobs.contract import keys
from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.evaluation import EvaluationResult, ExhibitKind
from ray_jobs.contract.training import TrainingResult
from ray_jobs.contract.verdict import Policy, Verdict
from ray_jobs.storage import fetch, read_document
from ray_jobs.training.evaluation import parts
from ray_jobs.training.evaluation.exhibits import Drawing, draw
from tasks.judging import gate
from tests.fakes import InMemoryStore
from tests.ray_jobs.training import court
from tests.ray_jobs.training.conftest import KERAS_COPY
from tests.ray_jobs.training.rosters import entries_of, sha_of, with_entries
from tests.tasks import documents

pytestmark = [pytest.mark.tf, KERAS_COPY]

# Twelve in the colour of their class, and three that look like another: 12 of 15 are right.
TEST = [
    *court.evenly(4, start=100),
    *court.photos({"red": "metal", "green": "paper", "green2": "paper"}, start=200),
]
LEARNT = court.evenly(3, start=0)


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> InMemoryStore:
    """A candidate `abc` that was trained and shipped, and no champion."""
    store, folder = InMemoryStore(), tmp_path_factory.mktemp("tried")
    pictures = {Split.TRAIN: LEARNT[:6], Split.VAL: LEARNT[6:], Split.TEST: TEST}
    court.version(store, pictures)
    court.train(store, folder, "abc")
    court.ship(store, folder, "abc", temperature=1.5)
    court.ship(store, folder, "old", gain=2.0)
    court.ship(store, folder, "odd", classes=("glass", "paper", "wood"))
    return store


@pytest.fixture
def store(tried) -> InMemoryStore:
    """One that a test may spoil."""
    copy = InMemoryStore()
    copy.objects = dict(tried.objects)
    return copy


def timeless(result: EvaluationResult) -> EvaluationResult:
    return result.model_copy(update={"seconds": 0.0})


def test_every_test_image_is_answered_and_the_figures_are_those_of_its_colour(store):
    result = court.evaluated(store)
    assert result.candidate.images == 15
    assert result.candidate.confusion == ((4, 0, 0), (1, 4, 0), (0, 2, 4))
    assert result.candidate.accuracy.value == pytest.approx(12 / 15)
    assert (result.candidate.run_id, result.candidate.model_version) == ("abc", 2)
    assert (result.split, result.comparison, result.champion) == (Split.TEST, None, None)
    assert [check.passed for check in result.checks] == [True] * 4


def test_the_temperature_that_is_inside_the_export_is_taken_out_for_what_was_before(store):
    found = court.evaluated(store).candidate.calibration
    # The shipped logits are 4 * colour; before, they were 1.5 times that: surer, on every image.
    assert found.temperature == 1.5
    assert found.error_before.value != pytest.approx(found.error.value, abs=0.01)


def test_the_champion_is_asked_about_the_same_images(store):
    court.crown(store, "old")
    found = court.evaluated(store).comparison
    assert found is not None
    assert (found.champion.run_id, found.champion.images) == ("old", 15)
    # Less sure, and of the same opinion: it differs in nothing but its log-loss.
    assert found.champion.confusion == found.candidate.confusion
    assert found.champion.calibration.log_loss != found.candidate.calibration.log_loss
    assert (found.candidate_only, found.champion_only, found.p_value) == (0, 0, 1.0)


def test_no_stored_figure_plays_a_part(store):
    court.crown(store, "old")
    store.put(keys.run("abc", "verification.json"), documents.verification("abc").to_json())
    spoilt = InMemoryStore()
    spoilt.objects = dict(store.objects)
    lie = documents.evaluation(documents.scores(45, run_id="old"))
    spoilt.put(keys.judged("old", "evaluation.json"), lie.to_json())
    for key in (
        keys.judged("old", "card.json"),
        keys.judged("abc", "card.json"),
        keys.run("old", "training.json"),
        keys.run("old", "verdict.json"),
    ):
        spoilt.put(key, b'{"accuracy": 1.0}')
    boast(spoilt, "abc")
    assert timeless(court.evaluated(spoilt)) == timeless(court.evaluated(store))
    assert verdict_of(spoilt) == verdict_of(store)


def boast(store: InMemoryStore, run_id: str) -> None:
    """Have a training tell of better figures than it reached; its weights stay."""
    key = keys.run(run_id, "training.json")
    told = read_document(store, TrainingResult, key)
    sure = told.calibration.model_copy(update={"temperature": 9.0, "error": 0.0})
    epochs = tuple(one.model_copy(update={"val_accuracy": 1.0}) for one in told.epochs)
    better = told.model_copy(update={"calibration": sure, "epochs": epochs})
    store.put(key, better.to_json())


def verdict_of(store: InMemoryStore) -> Verdict:
    """What the gate says of the candidate; how long the evaluation took is in its evidence."""
    pointer = read_document(store, ChampionPointer, keys.champion("sample"))
    verdict = gate.judge(store, "abc", pointer, Policy())
    return verdict.model_copy(update={"evidence": ()})


def test_a_champion_of_other_classes_is_compared_on_those_that_both_know(store):
    court.crown(store, "odd")
    result = court.evaluated(store)
    found = result.comparison
    assert found is not None
    assert found.classes == ("glass", "paper")
    assert (found.images, found.images_of_other_classes) == (10, 5)
    # Asked for red or blue alone, neither sees anything in a green image but noise.
    assert found.candidate.confusion == found.champion.confusion
    assert result.candidate.images == 15


def test_how_the_test_split_is_parted_changes_nothing(store, monkeypatch):
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2", test_shards=4)
    manifest = read_document(store, DatasetManifest, keys.manifest("sample", "v2"))
    results = list[EvaluationResult]()
    for images, count in {1: 4, 8: 2, 500: 1}.items():  # of 15 in four shards
        monkeypatch.setattr(parts, "PART_IMAGES", images)
        assert len(parts.parts_of(manifest)) == count
        store.delete([keys.judged("abc", "evaluation.json")])
        results.append(timeless(court.evaluated(store)))
    assert results[0] == results[1] == results[2]
    assert results[0].candidate.images == 15


def test_the_newest_version_judges_and_not_the_one_that_was_trained_on(store):
    newer = [*TEST, *court.evenly(1, start=300)]
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: newer}, "v2")
    result = court.evaluated(store)
    assert (result.manifest.version, result.candidate.images) == ("v2", 18)


def test_images_that_the_champion_has_learnt_from_judge_neither(store):
    court.version(store, {Split.TRAIN: TEST[:2], Split.TEST: TEST[2:]}, "v0")
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2")
    store.put(keys.run("old", "spec.json"), court.spec("old", learnt_from="v0").to_json())
    court.crown(store, "old")
    result = court.evaluated(store)
    assert (result.left_out.same, result.left_out.near) == (2, 0)
    assert result.candidate.images == result.champion.images == 13
    left_out = next(check for check in result.checks if check.name == "left out")
    assert not left_out.passed
    assert left_out.fact == "2 of 15 test images left out (13.3%), at most 5%"
    table = predictions(store, result)
    assert table["left_out"].count("same") == 2
    assert len(table["sha256"]) == 15


@pytest.mark.parametrize("column", ["phash", "group"])
def test_an_image_that_looks_like_one_that_the_champion_has_learnt_from_judges_neither(
    column, store
):
    learnt = court.evenly(1, start=400)
    court.version(store, {Split.TRAIN: learnt}, "v0")
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2")
    first = sha_of(learnt[0][0])
    near = {"phash": f"{int(first, 16) ^ 1:064x}", "group": first}  # a bit off is near, not equal
    first_test, *others = entries_of(TEST, Split.TEST, court.CLASSES)
    looks_alike = replace(first_test, **{column: near[column]})
    entries = [looks_alike, *others, *entries_of(LEARNT, Split.TRAIN, court.CLASSES)]
    key = keys.manifest("sample", "v2")
    manifest = read_document(store, DatasetManifest, key)
    store.delete([manifest.entries.key])
    store.put(key, with_entries(store, manifest, entries).to_json())
    store.put(keys.run("old", "spec.json"), court.spec("old", learnt_from="v0").to_json())
    court.crown(store, "old")
    result = court.evaluated(store)
    assert (result.left_out.same, result.left_out.near) == (0, 1)
    assert result.candidate.images == result.champion.images == 14


def test_the_verdicts_of_other_runs_are_counted_on_these_images_and_on_all_of_the_split(store):
    digest = court.evaluated(store).test_digest
    store.delete([keys.judged("abc", "evaluation.json")])
    for run_id in ("abc", "abc-2", "old"):
        store.put(keys.decisions_on("sample", digest) + run_id, b"")
    store.put(keys.decisions_on("sample", "0" * 64) + "of-last-week", b"")
    store.put(keys.decisions_on("glass", digest) + "of-another-model", b"")
    result = court.evaluated(store)
    assert (result.decisions_before, result.decisions_on_these_images) == (3, 2)


def test_the_digest_is_of_the_test_images_and_of_nothing_else(store):
    digest = court.evaluated(store).test_digest
    court.version(store, {Split.TRAIN: LEARNT[:3], Split.TEST: TEST}, "v2")
    store.delete([keys.judged("abc", "evaluation.json")])
    assert court.evaluated(store).test_digest == digest


def predictions(store, result: EvaluationResult) -> dict[str, list]:
    return pq.read_table(io.BytesIO(fetch(store, result.predictions))).to_pydict()


def test_the_predictions_are_all_that_the_figures_were_made_of(store):
    court.crown(store, "odd")
    result = court.evaluated(store)
    table = predictions(store, result)
    assert table["sha256"] == sorted(table["sha256"])
    answers = [court.CLASSES[int(np.argmax(row))] for row in table["candidate"]]
    hits = sum(said == label for said, label in zip(answers, table["label"], strict=True))
    assert hits == result.candidate.correct
    assert {len(row) for row in table["champion"]} == {3}
    assert np.sum(table["champion"], axis=1) == pytest.approx(np.ones(15), abs=1e-6)


def test_without_a_champion_its_predictions_are_absent(store):
    assert predictions(store, court.evaluated(store))["champion"] == [None] * 15


def test_the_mistakes_are_shown_with_the_heat_of_the_wrong_answer(store):
    result = court.evaluated(store)
    assert [one.kind for one in result.exhibits] == [ExhibitKind.MISTAKE] * 3
    said = sorted((one.label, one.candidate.label) for one in result.exhibits)
    assert said == [("metal", "glass"), ("paper", "metal"), ("paper", "metal")]
    sure = [one.candidate.probability for one in result.exhibits]
    assert sure == sorted(sure, reverse=True)
    for one in result.exhibits:
        assert one.champion is None
        pictures = [fetch(store, ref) for ref in (one.picture, one.overlay)]
        sizes = [Image.open(io.BytesIO(data)).size for data in pictures]
        assert sizes == [(224, 224)] * 2
        assert pictures[0] != pictures[1]


def test_only_shards_that_hold_a_shown_image_are_fetched_for_it(store):
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2", test_shards=3)
    manifest = read_document(store, DatasetManifest, keys.manifest("sample", "v2"))
    store.delete([shard.key for shard in manifest.shards[Split.TEST][1:]])
    shown = sha_of(TEST[0][0])  # in the first: a shard takes every third
    assert set(draw(store, Drawing("abc", manifest, {shown: 0}))) == {shown}


def test_what_both_models_part_over_is_shown_with_both_answers(store):
    court.crown(store, "odd")
    shown = court.evaluated(store).exhibits
    parted = [one for one in shown if one.kind is ExhibitKind.DISAGREEMENT]
    # The champion knows no metal: it parts from the candidate on the six green images.
    assert len(parted) == 6
    assert {one.candidate.label for one in parted} == {"metal"}
    assert "metal" not in {one.champion.label for one in parted}


def test_evaluating_again_changes_nothing(store):
    court.evaluated(store)
    before = dict(store.objects)
    court.evaluated(store)
    assert store.objects == before


def test_another_champion_is_compared_again_until_something_was_decided(store):
    court.crown(store, "old")
    assert court.evaluated(store).champion.run_id == "old"
    court.crown(store, "odd")
    assert court.evaluated(store).champion.run_id == "odd"
    store.put(keys.run("abc", "verdict.json"), documents.verdict().to_json())
    court.crown(store, "old")
    assert court.evaluated(store).champion.run_id == "odd"


def test_a_newer_version_is_judged_on_until_something_was_decided(store):
    court.crown(store, "old")
    assert court.evaluated(store).manifest.version == "v1"
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2")
    assert court.evaluated(store).manifest.version == "v2"
    store.put(keys.run("abc", "verdict.json"), documents.verdict().to_json())
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v3")
    assert court.evaluated(store).manifest.version == "v2"


def test_a_run_that_was_promoted_already_is_not_judged_beside_itself(store):
    before = court.evaluated(store)
    court.crown(store, "abc")
    court.version(store, {Split.TRAIN: LEARNT, Split.TEST: TEST}, "v2")
    assert court.evaluated(store) == before


def named(key: str) -> str:
    return rf"version 7 of model 'sample' \(run old\), cannot be asked: .*{key}.*`sortline promote"


def test_a_champion_whose_documents_are_of_before_is_named_and_what_helps(store):
    court.crown(store, "old")
    store.put(keys.run("old", "exports.json"), b'{"schema_version": 1, "run_id": "old"}')
    with pytest.raises(DataError, match=named(r"runs/old/exports\.json")):
        court.evaluated(store)


def test_a_champion_whose_files_are_gone_is_named_and_what_helps(store):
    court.crown(store, "old")
    store.delete([key for key in store.keys(keys.run("old")) if key.endswith("saved_model.pb")])
    with pytest.raises(DataError, match=named(r"saved_model\.pb does not exist")):
        court.evaluated(store)


def test_a_version_without_test_images_judges_nobody(store):
    court.version(store, {Split.TRAIN: LEARNT}, "v2")
    with pytest.raises(DataError, match="sample v2 has no test images; expected images in every"):
        court.evaluated(store)
    assert not store.exists(keys.judged("abc", "evaluation.json"))
