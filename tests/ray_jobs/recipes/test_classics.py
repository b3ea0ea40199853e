"""What the recipes take from their sources: a change here is a change of the source."""

from __future__ import annotations

import pytest

from ray_jobs.contract.recipe import NO_AUGMENT, Augment, Optimizer, Recipe, Schedule
from ray_jobs.recipes import catalog


def recipe(name: str) -> Recipe:
    return catalog.resolve(name, {})


def test_b3_finetune_is_the_recipe_of_the_lesson():
    b3 = recipe("b3_finetune")
    assert (b3.backbone, b3.weights, b3.trainable) == ("efficientnet-b3", "imagenet", "all")
    assert (b3.image_px, b3.batch_size, b3.epochs) == (300, 16, 30)
    assert b3.schedule == Schedule(kind="warmup-cosine", base_lr=1e-4, warmup_epochs=5.0)
    assert b3.optimizer == Optimizer(name="radam")
    assert b3.label_smoothing == 0.1
    assert b3.augment == Augment(erase=0.5, shift=0.05, flips=True, mixup=0.2)


def test_mnasnet_scratch_has_the_size_of_its_paper_and_no_weights():
    mnasnet = recipe("mnasnet_scratch")
    assert (mnasnet.backbone, mnasnet.weights) == ("mnasnet-a1", None)
    assert (mnasnet.image_px, mnasnet.trainable) == (224, "all")


def test_vgg16_finetune_is_the_last_block_at_a_tenth_of_a_usual_rate():
    vgg = recipe("vgg16_finetune")
    assert (vgg.backbone, vgg.weights, vgg.image_px) == ("vgg16", "imagenet", 224)
    assert vgg.trainable == "last-1-blocks"
    assert vgg.head.epochs > 0  # a new head would tear at the block
    assert vgg.schedule == Schedule(kind="constant", base_lr=1e-5)
    assert (vgg.optimizer.name, vgg.optimizer.momentum) == ("rmsprop", 0.0)
    assert vgg.dropout == 0.5


def test_convnet_small_is_rmsprop_at_a_constant_rate():
    small = recipe("convnet_small")
    assert (small.backbone, small.weights, small.image_px) == ("convnet-small", None, 150)
    assert small.schedule == Schedule(kind="constant", base_lr=1e-4)
    assert (small.optimizer.name, small.optimizer.momentum) == ("rmsprop", 0.0)
    assert small.batch_size == 32


@pytest.mark.parametrize("name", ["lite0_finetune", "b0_finetune"])
def test_a_fine_tuning_trains_its_head_first_and_leaves_the_statistics_of_batch_norm(name: str):
    tuned = recipe(name)
    assert tuned.freeze_batchnorm
    assert tuned.head.epochs > 0
    assert tuned.head.augment == NO_AUGMENT  # its features are computed once
    assert tuned.schedule.base_lr == pytest.approx(tuned.head.schedule.base_lr / 10)
