"""Which checkpoint a training goes on from: the newest good one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import fs
from ray.train import Checkpoint, ReportedCheckpoint, ReportedCheckpointStatus

from ray_jobs.contract.errors import ClusterError
from ray_jobs.training.filesystem import FlatStore

pytestmark = pytest.mark.tf

IDENTITY = "that of the run"


class Away(FlatStore):
    """A store that does not answer."""

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        raise OSError("curlCode: 7, Couldn't connect to server")

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        raise OSError("curlCode: 7, Couldn't connect to server")


def reported(folder: Path, step: int, identity: str = IDENTITY) -> ReportedCheckpoint:
    """A checkpoint of a training at a step."""
    from ray_jobs.training import checkpoint
    from ray_jobs.training.outcome import TrainingState

    folder.mkdir()
    parts = {"net": [np.arange(3, dtype=np.float32)]}
    checkpoint.save(folder, TrainingState(step=step), parts, identity)
    return committed(Checkpoint(str(folder), fs.LocalFileSystem()))


def committed(one: Checkpoint) -> ReportedCheckpoint:
    """As Ray Train tells of it."""
    return ReportedCheckpoint(one, {}, ReportedCheckpointStatus.COMMITTED)


def step_gone_on_from(found: list[ReportedCheckpoint], monkeypatch: pytest.MonkeyPatch):
    """The step that the chief's keeper would go on from, or None."""
    from ray_jobs.training import keeper

    class Chief(keeper.Keeper):
        def __init__(self) -> None:
            self._is_chief, self._identity = True, IDENTITY

    monkeypatch.setattr(keeper.ray.train, "get_all_reported_checkpoints", lambda: found)
    monkeypatch.setattr(keeper, "broadcast_from_rank_zero", lambda place: place)
    restored = Chief().restore()
    return restored and restored[0].step


def test_the_newest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = [reported(tmp_path / "a", 3), reported(tmp_path / "b", 7)]
    assert step_gone_on_from(found, monkeypatch) == 7


@pytest.mark.parametrize("name", ["checkpoint.json", "variables.npz"])
def test_one_that_is_not_whole_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    found = [reported(tmp_path / "a", 3), reported(tmp_path / "b", 7)]
    (tmp_path / "b" / name).write_bytes(b"half of")
    assert step_gone_on_from(found, monkeypatch) == 3


def test_one_that_is_gone_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = committed(Checkpoint(str(tmp_path / "gone"), fs.LocalFileSystem()))
    assert step_gone_on_from([reported(tmp_path / "a", 3), gone], monkeypatch) == 3
    assert step_gone_on_from([gone], monkeypatch) is None


def test_a_store_that_is_away_is_not_taken_for_a_bad_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    away = Checkpoint("bucket/runs/r/ray-train/b", fs.PyFileSystem(Away(fs.S3FileSystem())))
    found = [reported(tmp_path / "a", 3), committed(away)]
    with pytest.raises(ClusterError, match=r"checkpoint b cannot be read: .*connect to server"):
        step_gone_on_from(found, monkeypatch)
