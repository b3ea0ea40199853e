"""What the forms say, take and refuse."""

from __future__ import annotations

import copy

import pytest

from ray_jobs.contract import keys
from ray_jobs.contract.errors import DataError, SpecError
from ray_jobs.contract.run import RunSpec
from ray_jobs.recipes import catalog
from ray_jobs.storage import read_document
from tasks.planning.order import Order
from tests.tasks.documents import manifest, publish

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

RETRAIN = "retrain_classifier"


def params_of(dag, conf):
    """What the API does with a trigger's conf."""
    params = copy.deepcopy(dag.params)
    params.update(conf)
    return params.validate()


@pytest.mark.parametrize("dag_id", ["housekeeping", "ingest_dataset", RETRAIN, "rollback_champion"])
def test_every_field_has_a_title_and_says_what_it_means(loaded, dag_id):
    params = loaded.dags[dag_id].params
    for key in params:
        field = params.get_param(key)
        assert field.schema["title"]
        assert field.description


def test_the_form_of_a_retraining_is_an_order(loaded):
    params = loaded.dags[RETRAIN].params
    assert set(params) == set(Order.model_fields) - {"schema_version"}


def test_each_recipe_is_shown_with_what_it_is(loaded):
    schema = loaded.dags[RETRAIN].params.get_param("recipe").schema
    assert schema["enum"] == [None, *catalog.names()]
    for name in catalog.names():
        assert catalog.resolve(name, {}).summary in schema["values_display"][name]
    assert "settings" in schema["values_display"]["null"]


@pytest.mark.parametrize("dag_id", ["housekeeping", "ingest_dataset", RETRAIN, "rollback_champion"])
def test_no_limit_stands_where_the_ui_would_change_a_wrong_number_in_silence(loaded, dag_id):
    params = loaded.dags[dag_id].params
    for key in params:
        assert not {"minimum", "maximum"} & set(params.get_param(key).schema)


@pytest.mark.parametrize("conf", [{}, {"base_rate": 1}, {"epochs": 1000, "image_px": 32}])
def test_a_right_value_is_taken(loaded, conf):
    assert params_of(loaded.dags[RETRAIN], conf).items() >= conf.items()


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"epochs": 0}, "0 is less than the minimum of 1"),
        ({"epochs": 1001}, "1001 is greater than the maximum of 1000"),
        ({"epochs": "3"}, "'3' is not of type 'null', 'integer'"),
        ({"image_px": 31}, "31 is less than the minimum of 32"),
        ({"base_rate": 0}, "0 is less than or equal to the minimum of 0"),
        ({"base_rate": 10.5}, "10.5 is greater than the maximum of 10"),
        ({"budget_minutes": 2881}, "2881 is greater than the maximum of 2880"),
        ({"recipe": "lite0_prob"}, "'lite0_prob' is not one of"),
        ({"workers_min": 0}, "0 is less than the minimum of 1"),
        ({"workers_max": 1025}, "1025 is greater than the maximum of 1024"),
        ({"require_approval": "yes"}, "'yes' is not of type 'boolean'"),
        ({"seed": 2**31}, "is greater than the maximum"),
        ({"note": "x" * 501}, "is too long"),
        ({"overrides": [1]}, "is not of type 'object'"),
    ],
)
def test_a_wrong_value_is_refused_at_the_trigger(loaded, conf, message):
    from airflow.sdk.exceptions import AirflowException

    with pytest.raises(AirflowException, match=message):
        params_of(loaded.dags[RETRAIN], conf)


@pytest.mark.parametrize(
    ("conf", "error", "message"),
    [
        ({"epoch": 3}, SpecError, "'epoch' is not a parameter.* Did you mean 'epochs'"),
        ({"workers_min": 3}, SpecError, r"workers is '3\.\.2'; expected N or MIN\.\.MAX"),
        ({"version": "v9"}, DataError, "'sample' has no version 'v9'; expected one of: v1"),
        ({"dataset": "trashnet"}, DataError, "there is no data set 'trashnet'"),
        ({"epochs": 3, "overrides": {"epochs": 4}}, SpecError, "expected one value"),
        ({"overrides": {"epoch": 4}}, SpecError, "'epoch' is not a key .*Did you mean 'epochs'"),
        ({"overrides": {"batch_size": 0}}, SpecError, "batch_size is 0"),
    ],
)
def test_what_a_form_cannot_say_is_refused_before_anything_runs(
    staged, store, conf, error, message
):
    publish(store, manifest())
    before = dict(store.objects)
    stage = staged(RETRAIN, conf=conf)
    # Until the retry policy decides it, an error that is not retried comes wrapped.
    with pytest.raises(Exception, match=message) as raised:
        stage.run("plan")
    assert isinstance(raised.value, error) or isinstance(raised.value.__cause__, error)
    assert stage.xcoms["plan", "error"].startswith("sortline.error ")
    assert store.objects == before


def test_what_the_form_says_reaches_the_spec_and_the_steps(staged, store):
    publish(store, manifest())
    conf = {"epochs": 7, "base_rate": 0.002, "budget_minutes": 30, "require_approval": True}
    stage = staged(RETRAIN, conf=conf)
    assert stage.run("plan") is True
    planned = stage.xcoms["plan", "plan"]
    assert (planned["budget_minutes"], planned["require_approval"]) == (30, True)
    recipe = read_document(store, RunSpec, keys.run(planned["run_id"], "spec.json")).recipe
    assert (recipe.epochs, recipe.schedule.base_lr) == (7, 0.002)
