"""Tasks of a worker: what a whole training reports of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from ray_jobs.contract.dataset import Split
from ray_jobs.scoring.calibration import calibrate
from ray_jobs.storage import fetch_to
from ray_jobs.training import work
from ray_jobs.training.data.photos import Photos
from ray_jobs.training.data.pipeline import image_examples
from ray_jobs.training.models import classifier
from tests.ray_jobs.training.group.member import CLASSES, PX, Member
from tests.ray_jobs.training.group.tools import FolderKeeper, tools_of
from tests.ray_jobs.training.group.trainings import ONE_PHASE


def outcome(member: Member) -> dict[str, Any]:
    """The calibration of a training, and those of the weights that it published, by split.

    It learns noise by heart: its last epoch is not its best.
    """
    fast = ONE_PHASE.schedule.model_copy(update={"base_lr": 0.003})
    recipe = ONE_PHASE.model_copy(update={"epochs": 8, "schedule": fast})
    tools, _ = tools_of(member, recipe, FolderKeeper(Path("outcome")))
    worker = tools.worker
    told = work._outcome(worker, work._trained(tools))
    weights = fetch_to(worker.store, told.weights, Path("published.weights.h5"))
    model = classifier.from_recipe(recipe, CLASSES, weights)
    splits = (Split.TRAIN, Split.VAL)
    return {
        "told": told.calibration.model_dump(),
        "rebuilt": {split: _calibrated(model, worker.photos(split)) for split in splits},
        "best": told.state.best_epoch,
        "last": told.state.epoch,
    }


def _calibrated(model: keras.Model, photos: Photos) -> dict[str, Any]:
    ((x, labels, _),) = image_examples(photos, PX).batch(len(photos.roster))
    logits = model(x, training=False).numpy().astype(np.float64)
    return calibrate(logits, labels.numpy()).model_dump()
