"""What checkpoints cost a training: `make bench-checkpoints [EPOCHS=2] [EVERY_S=30] [WORKERS=2]`.

A job of Ray Train on a Ray of its own, with the loop, the keeper and the checkpoints of a real one:
EfficientNet-B0 at 160 px, batch 32, epochs of 55 steps as TrashNet's (SORTLINE_TRASHNET names the
photos; 15 steps without it), a checkpoint at the end of each and every so many seconds within it,
far more often than the ten minutes of a recipe. They are written to a folder: what is not measured
is a slower store, which only the thread that writes waits for.

Timed on the chief: all that the training waits for, which is the copies of variables (network,
optimizer; of the best weights once an epoch) and Ray's barrier. Not in it: the CPU that the writing
thread takes from the steps meanwhile: see `step_s`, of those that end within 5 s after a checkpoint
and of the others. Required: under 3% of the wall clock from the end of the first step on.

Predicted before the first run: 0.6%. A copy 40 ms, the barrier 100 ms, every 30 s.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import ray
from ray.train import RunConfig

from ray_jobs.contract.run import Resources
from ray_jobs.training.backend import TensorflowConfig, Trainer
from ray_jobs.training.driver import CHECKPOINTS, scaling_of
from ray_jobs.training.memory import ENVIRONMENT
from tests.bench.record import keep
from tests.bench.turns import Setting, number

MOST = 0.03
PHOTOS = "SORTLINE_TRASHNET"


def main() -> int:
    """Measure, print, append a line to the results."""
    workers, photos = number("WORKERS", 2), os.environ.get(PHOTOS)
    setting = Setting(
        image_px=number("IMAGE_PX", 160),
        batch=32,
        steps=number("STEPS", 55 if photos else 15),
        turns=number("EPOCHS", 2) - 1,
        feed="shards",
        augment=True,
        cpus=1,
        workers=workers,
    )
    given = {"setting": json.dumps(setting._asdict()), "every_s": os.environ.get("EVERY_S", "30")}
    environment = ENVIRONMENT | ({PHOTOS: str(Path(photos).absolute())} if photos else {})
    os.environ["RAY_AUTH_TOKEN"] = token_hex(32)  # else Ray puts one into the user's home
    ray.init("local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        found = _trained(given, workers, environment)
    finally:
        ray.shutdown()
    _report(given, found)
    return 0


def _trained(given: dict[str, str], workers: int, environment: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        trainer = Trainer(
            _work,
            train_loop_config=given,
            backend_config=TensorflowConfig(),
            scaling_config=scaling_of(Resources(workers_min=workers, workers_max=workers)),
            run_config=RunConfig(
                storage_path=folder,
                worker_runtime_env={"env_vars": environment},
                checkpoint_config=CHECKPOINTS,
            ),
        )
        return json.loads(str(trainer.fit().return_value))


def _work(config: Mapping[str, str]) -> str:
    from tests.bench.kept import timed  # TensorFlow

    return timed(config)


def _report(given: dict[str, str], found: dict[str, Any]) -> None:
    for name, value in found.items():
        sys.stdout.write(f"{name:12} {value}\n")
    sys.stdout.write(f"required: a part of less than {MOST}\n")
    keep("checkpoints", {"required": MOST, **given, **found})


if __name__ == "__main__":
    sys.exit(main())
