"""Which epochs are whose."""

from __future__ import annotations

from ray_jobs.contract.recipe import NO_AUGMENT, Recipe, Schedule
from ray_jobs.recipes import catalog
from ray_jobs.training.phases import PhaseName, epochs_of, phases_of


def recipe(**overrides: object) -> Recipe:
    return catalog.resolve("b0_scratch", {"epochs": 5, **overrides})


def test_one_phase_is_the_recipe_itself():
    (phase,) = phases_of(recipe())
    assert (phase.name, phase.first, phase.end, phase.epochs) == (PhaseName.MAIN, 0, 5, 5)
    assert (phase.schedule, phase.augment) == (recipe().schedule, recipe().augment)
    assert phase.trainable == "all"


def test_the_head_comes_first_with_a_rate_and_augmentation_of_its_own():
    two = recipe(**{"head.epochs": 3, "head.schedule.base_lr": 0.5, "trainable": "last-2-blocks"})
    head, main = phases_of(two)
    assert (head.name, head.first, head.end, head.trainable) == (PhaseName.HEAD, 0, 3, "head")
    assert (head.schedule, head.augment) == (Schedule(base_lr=0.5), NO_AUGMENT)
    assert (main.name, main.first, main.end, main.epochs) == (PhaseName.MAIN, 3, 8, 5)
    assert (main.trainable, main.augment) == ("last-2-blocks", two.augment)
    assert epochs_of(two) == 8
