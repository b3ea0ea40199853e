"""EfficientNet-B0 with ImageNet weights: a new head first, then the whole.

Run:    make bench-quality RECIPE=b0_finetune SEED=1
Expect: not measured in full yet; one short epoch only, see infra/docs/results.md#b0_finetune
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, HeadPhase, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="b0_finetune",
    summary="EfficientNet-B0 with ImageNet weights at 224 px; its head first, then the whole",
    backbone="efficientnet-b0",
    weights="imagenet",
    trainable="all",
    freeze_batchnorm=True,
    image_px=224,
    epochs=20,
    batch_size=32,
    head=HeadPhase(epochs=5, schedule=Schedule(base_lr=3e-3, warmup_epochs=1.0)),
    schedule=Schedule(base_lr=3e-4, warmup_epochs=2.0),
    optimizer=Optimizer(name="adamw", weight_decay=1e-4, clipnorm=1.0),
    label_smoothing=0.1,
    dropout=0.2,
    ema=0.99,
    augment=Augment(),
)
