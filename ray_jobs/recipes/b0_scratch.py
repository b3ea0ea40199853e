"""EfficientNet-B0 from random weights on a small input: the whole network trains.

Run:    make bench-quality RECIPE=b0_scratch SEED=1
Expect: not measured in full yet; one short epoch only, see infra/docs/results.md#b0_scratch
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="b0_scratch",
    summary="EfficientNet-B0 from random weights at 96 px; the whole network trains",
    backbone="efficientnet-b0",
    weights=None,
    trainable="all",
    image_px=96,
    epochs=8,
    batch_size=32,
    schedule=Schedule(base_lr=2e-3, warmup_epochs=1.0),
    optimizer=Optimizer(clipnorm=1.0),
    label_smoothing=0.1,
    dropout=0.2,
    augment=Augment(),
)
