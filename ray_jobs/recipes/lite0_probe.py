"""A new head on EfficientNet-Lite0's ImageNet features: the demo's, minutes on a laptop.

Run:    make demo RECIPE=lite0_probe
Expect: 1 min of training on two cores; test accuracy 0.958 (0.885 to 0.986) on the drawn
        sample, 0.872 (0.839 to 0.905) on TrashNet, see infra/docs/results.md#lite0_probe
"""

from __future__ import annotations

from ray_jobs.contract.recipe import Recipe, Schedule

RECIPE = Recipe(
    name="lite0_probe",
    summary="EfficientNet-Lite0 with ImageNet weights, frozen; a new head on its features",
    backbone="efficientnet-lite0",
    weights="imagenet",
    trainable="head",
    image_px=224,
    epochs=20,
    batch_size=64,
    schedule=Schedule(base_lr=3e-3, warmup_epochs=1.0),
    # Label smoothing 0.1: Szegedy et al. 2016, section 7.
    label_smoothing=0.1,
)
