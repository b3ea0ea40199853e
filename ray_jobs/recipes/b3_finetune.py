"""EfficientNet-B3 with ImageNet weights at its native size: the recipe of the lesson we replace.

Run:    make bench-quality RECIPE=b3_finetune SEED=1
Expect: not measured in full yet; one short epoch only, see infra/docs/results.md#b3_finetune
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="b3_finetune",
    summary="EfficientNet-B3 with ImageNet weights at 300 px; the whole network trains; for a GPU",
    backbone="efficientnet-b3",
    weights="imagenet",
    trainable="all",
    image_px=300,
    epochs=30,
    batch_size=16,
    schedule=Schedule(base_lr=1e-4, warmup_epochs=5.0),
    optimizer=Optimizer(name="radam"),
    label_smoothing=0.1,
    augment=Augment(),
)
