"""Recipes and their overrides: what is taken, and what each refusal says."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from ray_jobs.contract.errors import SpecError
from ray_jobs.contract.recipe import Recipe
from ray_jobs.recipes import catalog
from ray_jobs.recipes.overrides import settable

RESULTS = Path(__file__).parents[3] / "infra" / "docs" / "results.md"


def refusal(name: str, /, **overrides: object) -> SpecError:
    with pytest.raises(SpecError, match=r".") as caught:
        catalog.resolve(name, {key.replace("__", "."): v for key, v in overrides.items()})
    return caught.value


@pytest.mark.parametrize("name", catalog.names())
def test_a_recipe_is_known_by_its_own_name_and_resolves_to_itself(name: str):
    assert catalog.resolve(name, {}).name == name


@pytest.mark.parametrize("name", catalog.names())
def test_a_recipe_is_a_file_of_its_name_that_opens_with_its_evidence(name: str):
    said = import_module(f"ray_jobs.recipes.{name}").__doc__ or ""
    assert re.search(rf"\n\nRun:    make [a-z-]+ RECIPE={name}\b", said)
    assert said.endswith(f"see infra/docs/results.md#{name}\n")
    measured = re.search(
        r"Expect: \d+ min .*; test accuracy (0\.\d{3} \(0\.\d{3} to 0\.\d{3}\))", said
    )
    if measured is None:
        assert "Expect: not measured in full yet; one short epoch only" in said
    else:
        rows = [row for row in RESULTS.read_text().splitlines() if f"`{name}` |" in row]
        assert any(measured[1] in row.replace("*", "") for row in rows)


def test_a_text_is_read_as_what_its_key_holds():
    recipe = catalog.resolve(
        "b0_scratch",
        {"epochs": "3", "augment.mixup": "1e-1", "augment.flips": "false", "weights": "null"},
    )
    assert (recipe.epochs, recipe.augment.mixup, recipe.augment.flips) == (3, 0.1, False)
    assert recipe.weights is None


def test_values_that_are_no_text_are_taken_as_they_are():
    assert catalog.resolve("b0_scratch", {"optimizer.clipnorm": None}).optimizer.clipnorm is None


def test_an_unknown_recipe_is_answered_with_the_close_match():
    error = refusal("lite0_prob")
    assert error.fact == "there is no recipe 'lite0_prob'"
    assert error.expectation == (
        "one of b0_finetune, b0_scratch, b3_finetune, convnet_small, lite0_finetune, lite0_probe,"
        " mnasnet_scratch, vgg16_finetune"
    )
    assert error.remedy.startswith("Did you mean 'lite0_probe'?")


def test_an_unknown_key_is_answered_with_the_close_match():
    error = refusal("lite0_probe", epohcs="3")
    assert error.fact == "'epohcs' is not a key of a recipe"
    assert "schedule.base_lr" in error.expectation
    assert error.remedy.startswith("Did you mean 'epochs'?")


@pytest.mark.parametrize("key", ["name", "summary", "schema_version", "schedule"])
def test_what_names_a_recipe_cannot_be_set(key: str):
    assert refusal("lite0_probe", **{key: "x"}).fact == f"'{key}' is not a key of a recipe"


@pytest.mark.parametrize(
    ("key", "value", "fact", "expectation"),
    [
        ("epochs", "0", "epochs is 0", "a whole number from 1 to 1000"),
        ("epochs", "3.5", "epochs is 3.5", "a whole number from 1 to 1000"),
        ("epochs", "many", "epochs is 'many'", "a whole number from 1 to 1000"),
        ("epochs", "NaN", "epochs is 'NaN'", "a whole number from 1 to 1000"),
        ("image_px", "7", "image_px is 7", "a whole number from 18 to 1024"),
        (
            "schedule__base_lr",
            "-0.1",
            "schedule.base_lr is -0.1",
            "a number more than 0, at most 10",
        ),
        ("augment__flips", "yes", "augment.flips is 'yes'", "true or false"),
        ("augment__erase", 2, "augment.erase is 2", "a number from 0 to 1"),
        (
            "weights",
            "x",
            "weights is 'x'",
            "imagenet, or the URI of a .weights.h5, without a login, or null",
        ),
        (
            "weights",
            "https://me:secret@host/a.weights.h5",
            "weights is 'https://me:secret@host/a.weights.h5'",
            "imagenet, or the URI of a .weights.h5, without a login, or null",
        ),
        ("weights_sha256", "x", "weights_sha256 is 'x'", "64 hex digits, or null"),
        (
            "trainable",
            "last-0-blocks",
            "trainable is 'last-0-blocks'",
            "one of head, all, last-N-blocks, from:LAYER",
        ),
        ("label_smoothing", 1, "label_smoothing is 1", "a number at least 0, less than 1"),
        ("precision", "float16", "precision is 'float16'", "one of float32, mixed_bfloat16"),
        ("optimizer__clipnorm", 0, "optimizer.clipnorm is 0", "a number more than 0, or null"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_range(
    key: str, value: object, fact: str, expectation: str
):
    error = refusal("lite0_probe", **{key: value})
    assert (error.fact, error.expectation) == (fact, expectation)
    assert error.remedy.startswith(f"Pass --set {key.replace('__', '.')}=")


def test_the_remedy_gives_the_value_that_the_recipe_has():
    assert refusal("lite0_probe", image_px=7).remedy == (
        "Pass --set image_px=224, as recipe lite0_probe does"
    )


def test_a_warm_up_longer_than_the_training_is_refused():
    error = refusal("lite0_probe", epochs=1, schedule__warmup_epochs=2)
    assert error.expectation == "epochs at least warm-up and hold together, 2"


@pytest.mark.parametrize(
    ("overrides", "expectation"),
    [
        (
            {"trainable": "all", "head__epochs": 1, "head__schedule__hold_epochs": 2},
            "head.epochs at least warm-up and hold together, 2",
        ),
        (
            {
                "trainable": "all",
                "head__epochs": 1,
                "head__schedule__warmup_epochs": 1,
                "head__schedule__warmup_lr": 0.5,
            },
            "head.schedule.base_lr at least warmup_lr, 0.5",
        ),
        ({"head__epochs": 1}, "head.epochs=0 with trainable=head, which is one phase already"),
        ({"accumulate": 65}, "accumulate at most batch_size, 64"),
        (
            {"weights": "https://host/a.weights.h5"},
            "weights_sha256 where weights is a URI, and only there",
        ),
        ({"weights_sha256": "0" * 64}, "weights_sha256 where weights is a URI, and only there"),
        (
            {"backbone": "mnasnet-a1"},
            "weights=null with mnasnet-a1, for which none are published",
        ),
    ],
)
def test_keys_that_do_not_fit_together_are_refused(overrides: dict[str, object], expectation: str):
    error = refusal("lite0_probe", **overrides)
    assert (error.fact, error.expectation) == ("the keys do not fit together", expectation)


def test_every_key_of_a_recipe_can_be_set_to_the_value_it_has():
    recipe = catalog.resolve("b0_scratch", {})
    for key in settable():
        value: object = recipe
        for part in key.split("."):
            value = getattr(value, part)
        assert catalog.resolve("b0_scratch", {key: value}) == recipe


def test_the_recipe_documents_read_back_as_they_were():
    for name in catalog.names():
        recipe = catalog.resolve(name, {})
        assert Recipe.from_json(recipe.to_json(), origin=name) == recipe
