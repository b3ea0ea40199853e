import json

import pytest

from ray_jobs.contract.champion import ChampionPointer
from ray_jobs.contract.document import digest
from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.evaluation import Estimate
from ray_jobs.contract.recipe import Recipe

RECIPE = {
    "name": "debug",
    "summary": "for tests",
    "backbone": "efficientnet-b0",
    "trainable": "all",
    "image_px": 64,
    "epochs": 3,
    "batch_size": 8,
    "schedule": {"base_lr": 0.01},
}


def parse(changes: dict[str, object]) -> Recipe:
    return Recipe.from_json(json.dumps(RECIPE | changes).encode(), origin="recipe.json")


def test_a_document_survives_the_store():
    recipe = parse({})
    assert Recipe.from_json(recipe.to_json(), origin="again") == recipe


def test_a_misspelt_key_is_named_with_the_close_match():
    with pytest.raises(SpecError, match=r"'epohcs' is not a key of Recipe.*Did you mean 'epochs'"):
        parse({"epohcs": 3})


def test_a_misspelt_key_inside_a_part_is_named_with_its_path():
    with pytest.raises(SpecError, match=r"'schedule\.base_rl'.*Did you mean 'base_lr'"):
        parse({"schedule": {"base_lr": 0.1, "base_rl": 0.1}})


def test_a_misspelt_key_inside_a_list_is_answered_with_those_of_its_parts():
    made = {"model_version": 1, "run_id": "ab12", "by": "ada", "at": "now", "reazon": "x"}
    pointer = {"model": "waste", "model_version": 1, "run_id": "ab12", "history": [made]}
    with pytest.raises(SpecError, match=r"'history\.0\.reazon'.*Did you mean 'reason'"):
        ChampionPointer.from_json(json.dumps(pointer).encode(), origin="champion.json")
    del made["reazon"]
    with pytest.raises(SpecError, match=r"'history\.0\.act' is missing; expected every key"):
        ChampionPointer.from_json(json.dumps(pointer).encode(), origin="champion.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": "3"}, "epochs is '3'; expected a valid integer"),
        ({"epochs": 0}, "epochs is 0; expected greater than or equal to 1"),
        ({"image_px": 7}, "image_px is 7; expected greater than or equal to 18"),
        ({"schedule": {"base_lr": -1.0}}, r"schedule\.base_lr is -1\.0; expected greater than 0"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(changes: dict[str, object], message: str):
    with pytest.raises(SpecError, match=message):
        parse(changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_finite_number_is_refused_in_a_document_and_when_one_is_made(value: float):
    with pytest.raises(SpecError, match=r"base_lr is (nan|inf); expected a finite number"):
        parse({"schedule": {"base_lr": value}})
    with pytest.raises(ValueError, match="finite number"):
        Estimate(value=value, interval=None, images=1)


def test_a_document_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse({}).epochs = 4  # pyright: ignore[reportAttributeAccessIssue]


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
