"""What a run is called, and what is planned."""

from __future__ import annotations

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from ray_jobs.contract.run import RunSpec
from ray_jobs.recipes import catalog
from ray_jobs.storage import read_document, write_document
from tasks.planning.plan import Order, fingerprint, parse_conf, parse_workers, plan_run
from tests.fakes import InMemoryStore
from tests.tasks.documents import manifest, publish, spec, verdict

CODE = "deadbeef"
MANIFEST = spec().manifest


@pytest.fixture
def store() -> InMemoryStore:
    store = InMemoryStore()
    publish(store, manifest())
    return store


def plan(store, **ordered):
    return plan_run(
        store, Order.model_validate({"dataset": "sample", **ordered}), code_version=CODE
    )


def spec_of(store, planned) -> RunSpec:
    return read_document(store, RunSpec, keys.run(planned.run_id, "spec.json"))


def judge(store, planned):
    write_document(store, verdict(planned.run_id), keys.judged(planned.run_id, "card.json"))


def test_plan_names_the_run_after_what_goes_into_it_and_writes_its_spec(store):
    planned = plan(store)
    assert planned.run_id == planned.fingerprint[:12]
    assert planned.spec_uri == f"s3://memory/runs/{planned.run_id}/spec.json"
    assert (planned.dataset, planned.version, planned.model) == ("sample", "v1", "sample")
    assert (planned.recipe, planned.unchanged) == ("lite0_finetune", False)
    written = spec_of(store, planned)
    assert (written.fingerprint, written.code_version) == (planned.fingerprint, CODE)
    assert written.recipe == catalog.resolve("lite0_finetune", {})


def test_planning_again_changes_nothing(store):
    first = plan(store)
    before = dict(store.objects)
    assert plan(store) == first
    assert store.objects == before


def test_what_changes_what_is_learnt_changes_the_fingerprint_and_nothing_else_does(store):
    base = plan(store).fingerprint
    assert plan(store, seed=1).fingerprint != base
    assert plan(store, recipe="b0_scratch").fingerprint != base
    assert plan(store, overrides={"epochs": 3}).fingerprint != base
    assert plan(store, base_rate=0.002).fingerprint != base
    assert plan(store, workers_min=1, workers_max=4, note="on four").fingerprint == base
    assert plan(store, budget_minutes=30, require_approval=True).fingerprint == base


def test_a_batch_that_the_most_workers_cannot_share_is_refused(store):
    plan(store, overrides={"batch_size": 4}, workers_min=1, workers_max=4)
    with pytest.raises(SpecError, match=r"batch_size is 4 for 5 workers; .*fewer --workers"):
        plan(store, overrides={"batch_size": 4}, workers_min=1, workers_max=5)


def test_budget_and_approval_are_told_to_the_steps(store):
    planned = plan(store, budget_minutes=30, require_approval=True)
    assert (planned.budget_minutes, planned.require_approval) == (30, True)
    assert (plan(store).budget_minutes, plan(store).require_approval) == (None, False)


def test_a_shortcut_of_the_form_sets_the_recipe_s_own_key(store):
    written = spec_of(store, plan(store, epochs=7, image_px=96, base_rate=0.002))
    recipe = written.recipe
    assert (recipe.epochs, recipe.image_px, recipe.schedule.base_lr) == (7, 96, 0.002)
    same = {"epochs": 7, "image_px": 96, "schedule.base_lr": 0.002}
    assert plan(store, overrides=same).run_id == written.run_id


@pytest.mark.parametrize("value", [7, "7"])
def test_a_key_may_be_said_both_ways_with_one_value(store, value):
    assert spec_of(store, plan(store, epochs=7, overrides={"epochs": value})).recipe.epochs == 7


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        (
            {"epochs": 7, "overrides": {"epochs": "8"}},
            r"epochs is 7, and overrides sets 'epochs' to '8'; expected one value\. Leave one",
        ),
        (
            {"base_rate": 0.1, "overrides": {"schedule.base_lr": 0.2}},
            r"base_rate is 0\.1, and overrides sets 'schedule\.base_lr' to 0\.2",
        ),
        ({"image_px": 64, "overrides": {"image_px": "big"}}, "image_px is 64, and overrides"),
    ],
)
def test_a_key_said_both_ways_with_two_values_is_refused(conf, message):
    with pytest.raises(SpecError, match=message):
        parse_conf({"dataset": "sample", **conf})


@pytest.mark.parametrize(
    ("shortcut", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected .*1 to 1000"),
        ({"image_px": 16}, "image_px is 16; expected .*18 to 1024"),
        ({"base_rate": 11.0}, r"schedule\.base_lr is 11\.0; expected .*10"),
    ],
)
def test_a_shortcut_out_of_the_recipe_s_range_is_refused(store, shortcut, message):
    with pytest.raises(SpecError, match=message):
        plan(store, **shortcut)


def test_fingerprint_depends_on_data_set_version_and_code_but_not_on_where_they_lie():
    recipe = catalog.resolve("lite0_probe", {})
    base = fingerprint(MANIFEST, recipe, 0, CODE)
    moved = MANIFEST.model_copy(update={"key": "elsewhere/manifest.json"})
    assert fingerprint(moved, recipe, 0, CODE) == base
    for field in ("dataset", "version"):
        other = MANIFEST.model_copy(update={field: "other"})
        assert fingerprint(other, recipe, 0, CODE) != base
    assert fingerprint(MANIFEST, recipe, 0, "cafe") != base


def test_override_that_says_what_the_recipe_says_is_the_same_run(store):
    same = {"epochs": catalog.resolve("lite0_finetune", {}).epochs}
    assert plan(store, overrides=same).fingerprint == plan(store).fingerprint


def test_newest_version_is_taken_where_none_is_named(store):
    publish(store, manifest(version="v2"))
    assert plan(store).version == "v2"
    assert plan(store, version="v1").version == "v1"


def test_judged_fingerprint_is_unchanged_and_its_spec_stays(store):
    planned = plan(store)
    judge(store, planned)
    before = dict(store.objects)
    again = plan(store, workers_min=1, workers_max=1)
    assert again == planned.model_copy(update={"unchanged": True})
    assert store.objects == before


def test_forcing_a_judged_fingerprint_runs_it_under_the_next_number(store):
    first = plan(store)
    judge(store, first)
    second = plan(store, force=True)
    assert second.run_id == f"{first.run_id}-2"
    assert (second.fingerprint, second.unchanged) == (first.fingerprint, False)
    assert spec_of(store, second).run_id == second.run_id
    judge(store, second)
    assert plan(store, force=True).run_id == f"{first.run_id}-3"
    assert plan(store).run_id == second.run_id


def test_a_forced_order_that_takes_up_a_run_goes_on_with_it_and_begins_no_other(store):
    judge(store, plan(store))
    forced = plan(store, force=True)
    again = {"force": True, "takes_up": forced.run_id}
    assert plan(store, **again) == forced
    judge(store, forced)
    assert plan(store, **again) == forced.model_copy(update={"unchanged": True})


def test_forced_run_that_was_not_judged_yet_is_continued(store):
    judge(store, plan(store))
    assert plan(store, force=True) == plan(store, force=True)


def test_forcing_what_was_never_judged_is_the_first_run(store):
    assert plan(store, force=True).run_id == plan(store).run_id


def test_spec_of_an_unjudged_run_takes_new_resources_and_note(store):
    plan(store)
    written = spec_of(store, plan(store, workers_min=1, workers_max=4, note="more"))
    assert (written.resources.workers_min, written.resources.workers_max) == (1, 4)
    assert written.note == "more"


def test_a_gpu_a_worker_is_planned_where_the_cluster_has_them(store):
    planned = plan_run(store, Order(dataset="sample"), code_version=CODE, use_gpu=True)
    assert spec_of(store, planned).resources.use_gpu


def test_spec_that_another_plan_writes_meanwhile_is_not_overwritten(store):
    store.compare_and_set = lambda *_, **__: False  # the other one was first
    with pytest.raises(ClusterError, match=r"another plan meanwhile; .*at a time\. Run it again"):
        plan(store)


def test_missing_data_set_names_those_there_are_and_how_to_make_it(store):
    fact = r"no data set 'trashnet' in s3://memory/datasets/; expected one of: sample"
    with pytest.raises(DataError, match=rf"{fact}\. Run `sortline ingest .*--name trashnet`"):
        plan(store, dataset="trashnet")


def test_missing_data_set_in_an_empty_store_is_said_so():
    with pytest.raises(DataError, match=r"one of: \(none yet\)\. Run `sortline ingest"):
        plan(InMemoryStore())


def test_missing_version_names_those_there_are(store):
    publish(store, manifest(version="v2"))
    with pytest.raises(DataError, match=r"'sample' has no version 'v9'; .*: v1, v2\. .*ingest`"):
        plan(store, version="v9")


def test_version_of_a_missing_data_set_is_a_missing_data_set(store):
    with pytest.raises(DataError, match="there is no data set 'trashnet'"):
        plan(store, dataset="trashnet", version="v1")


def test_unknown_recipe_leaves_nothing_behind(store):
    before = dict(store.objects)
    with pytest.raises(SpecError, match=r"Did you mean 'lite0_probe'\?"):
        plan(store, recipe="lite0_prob")
    assert store.objects == before


def test_conf_states_an_order_and_a_null_is_not_given():
    conf = {"dataset": "sample", "version": None, "overrides": {"epochs": 3}, "workers_max": 4}
    assert parse_conf(conf) == Order(dataset="sample", overrides={"epochs": 3}, workers_max=4)


def test_unknown_key_of_the_conf_is_refused_with_the_close_match():
    with pytest.raises(SpecError, match=r"'recip' is not a key.* known keys.* mean 'recipe'\?"):
        parse_conf({"dataset": "sample", "recip": "lite0_probe"})


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({}, "'dataset' is missing; expected every key"),
        ({"dataset": "../x"}, "'../x' is no data set name; expected 1 to 63 of a-z.*Name it 'x'"),
        ({"dataset": "a", "workers_min": "2"}, "workers_min is '2'; expected a valid integer"),
        ({"dataset": "a", "force": "yes"}, "force is 'yes'"),
        ({"dataset": "a", "seed": -1}, "seed is -1"),
        ({"dataset": "a", "workers_min": 0}, "workers is '0..2'; expected N or MIN..MAX"),
        ({"dataset": "a", "workers_min": 3}, "workers is '3..2'"),
        ({"dataset": "a", "budget_minutes": 0}, "budget_minutes is 0"),
        ({"dataset": "a", "budget_minutes": 2881}, "budget_minutes is 2881"),
        ({"dataset": "a", "require_approval": "no"}, "require_approval is 'no'"),
        ({"dataset": "a", "note": "x" * 501}, "note is 'xxx"),
    ],
)
def test_wrong_values_of_the_conf_are_refused(conf, message):
    with pytest.raises(SpecError, match=message):
        parse_conf(conf)


@pytest.mark.parametrize(
    ("text", "pair"), [("2", (2, 2)), ("1..4", (1, 4)), (" 3 ", (3, 3)), ("1024", (1024, 1024))]
)
def test_workers_are_a_number_or_a_range(text, pair):
    assert parse_workers(text) == pair


@pytest.mark.parametrize(
    "text", ["0", "-1", "", "two", "2.5", "1..", "..4", "0..4", "4..1", "1...4", "1025", "²"]
)
def test_workers_that_are_none_or_no_number_are_refused(text):
    with pytest.raises(SpecError, match=r"workers is '.*'; expected N or MIN\.\.MAX.*--workers 2"):
        parse_workers(text)


def test_a_run_that_died_between_its_verdict_and_its_card_is_gone_on_with(store):
    planned = plan(store)
    write_document(store, verdict(planned.run_id), keys.run(planned.run_id, "verdict.json"))
    again = plan(store)
    assert (again.run_id, again.unchanged) == (planned.run_id, False)
