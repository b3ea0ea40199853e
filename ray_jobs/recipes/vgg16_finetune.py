"""VGG16 with ImageNet weights: a new head first, then its last block with it.

Run:    make bench-quality RECIPE=vgg16_finetune SEED=1
Expect: not measured in full yet; one short epoch only, see infra/docs/results.md#vgg16_finetune
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, HeadPhase, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="vgg16_finetune",
    summary="VGG16 with ImageNet weights at 224 px; its head first, then the last block with it",
    backbone="vgg16",
    weights="imagenet",
    # The last block, RMSprop, a tenth of a usual rate: Chollet 2017, section 5.3.2.
    trainable="last-1-blocks",
    image_px=224,
    epochs=20,
    batch_size=32,
    head=HeadPhase(epochs=5, schedule=Schedule(base_lr=1e-3)),
    schedule=Schedule(kind="constant", base_lr=1e-5),
    optimizer=Optimizer(name="rmsprop", momentum=0.0),
    dropout=0.5,
    augment=Augment(mixup=0.0),
)
