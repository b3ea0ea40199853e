"""A small convolutional network from random weights: the measure for all others.

Run:    make bench-quality RECIPE=convnet_small SEED=1
Expect: 53 min on two cores for 38 of the 50 epochs; test accuracy 0.683 (0.635 to 0.730) on
        TrashNet, see infra/docs/results.md#convnet_small
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Augment, Optimizer, Recipe, Schedule

RECIPE = Recipe(
    name="convnet_small",
    summary="Four convolutions from random weights at 150 px: the measure for all others",
    backbone="convnet-small",
    weights=None,
    trainable="all",
    image_px=150,
    epochs=50,
    batch_size=32,
    # RMSprop at 1e-4: Chollet 2017, listing 5.6.
    schedule=Schedule(kind="constant", base_lr=1e-4),
    optimizer=Optimizer(name="rmsprop", momentum=0.0),
    augment=Augment(erase=0.0, shift=0.1, flips=True, mixup=0.0),
)
