"""EfficientNet-Lite0 with ImageNet weights: a new head first, then the whole; for CPUs.

Run:    make bench-quality RECIPE=lite0_finetune SEED=1
Expect: 32 min of training on two cores; test accuracy 0.923 (0.896 to 0.949) on TrashNet,
        see infra/docs/results.md#lite0_finetune
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, HeadPhase, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="lite0_finetune",
    summary="EfficientNet-Lite0 with ImageNet weights at 192 px; its head first, then the whole",
    backbone="efficientnet-lite0",
    weights="imagenet",
    trainable="all",
    freeze_batchnorm=True,
    image_px=192,
    epochs=12,
    batch_size=32,
    head=HeadPhase(epochs=8, schedule=Schedule(base_lr=3e-3, warmup_epochs=1.0)),
    schedule=Schedule(base_lr=3e-4, warmup_epochs=1.0),
    optimizer=Optimizer(name="adamw", weight_decay=1e-4, clipnorm=1.0),
    # Label smoothing 0.1: Szegedy et al. 2016, section 7.
    label_smoothing=0.1,
    dropout=0.2,
    ema=0.99,
    augment=Augment(erase=0.25, shift=0.05, flips=True, mixup=0.0),
)
