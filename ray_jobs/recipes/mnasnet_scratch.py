"""MnasNet-A1 from random weights at its native size: nobody publishes weights of this variant.

Run:    make bench-quality RECIPE=mnasnet_scratch SEED=1
Expect: not measured in full yet; one short epoch only, see infra/docs/results.md#mnasnet_scratch
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="mnasnet_scratch",
    summary="MnasNet-A1 from random weights at 224 px; the whole network trains",
    backbone="mnasnet-a1",
    weights=None,
    trainable="all",
    image_px=224,
    epochs=40,
    batch_size=32,
    schedule=Schedule(base_lr=2e-3, warmup_epochs=2.0),
    optimizer=Optimizer(clipnorm=1.0),
    label_smoothing=0.1,
    dropout=0.2,
    augment=Augment(),
)
