"""What the first phase of a training hands on to the second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ray_jobs.recipes import catalog
from ray_jobs.training.phases import PhaseName

pytestmark = pytest.mark.tf

# The first step of the main phase has the rate 0: what it leaves is what it was given.
WARMS_UP = {
    "backbone": "convnet-mnist",
    "weights": "null",
    "image_px": 28,
    "batch_size": 8,
    "head.epochs": 2,
    "epochs": 1,
    "schedule.warmup_epochs": 1,
    "schedule.warmup_lr": 0,
}


def test_the_main_phase_begins_with_the_best_head_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import tensorflow as tf

    from ray_jobs.training import checkpoint, work
    from tests.ray_jobs.training.group.member import Member
    from tests.ray_jobs.training.group.tools import FolderKeeper, tools_of

    monkeypatch.chdir(tmp_path)  # a worker's photos go to where it works
    alone = Member(0, 1, tf.distribute.OneDeviceStrategy("CPU:0"), tmp_path)
    keeper = FolderKeeper(tmp_path / "kept")
    tools, log = tools_of(alone, catalog.resolve("b0_finetune", WARMS_UP), keeper)
    work._train(tools)

    main = [state.phase for state in keeper.states].index(PhaseName.MAIN)
    first, before = (
        checkpoint.load(tmp_path / "kept" / str(place), "the test's")[1]
        for place in (main, main - 1)
    )
    assert log.rows[keeper.states[main].step - 1].learning_rate == 0
    assert keeper.states[main].within.done == 1
    best = before["best"]
    assert [value.shape for value in best] == [(576, 64), (64,), (64, 3), (3,)]
    for own, handed in zip(first["net"][-4:], best, strict=True):
        np.testing.assert_array_equal(own, handed)
