"""When a checkpoint is due, and how one is committed: whole, after the journal, or not at all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ray.train import Checkpoint, CheckpointUploadMode
from ray.train.v2._internal.constants import AWS_RETRYABLE_TOKENS
from ray.train.v2._internal.execution import context
from ray.train.v2._internal.execution.preemption import PreemptionContext
from ray.train.v2.api.preemption import PreemptionInfo

from ray_jobs.contract.errors import ClusterError
from ray_jobs.contract.training import EpochMetrics
from tests.clock import Clock
from tests.tasks import documents

pytestmark = pytest.mark.tf

EPOCH = EpochMetrics(
    epoch=1,
    step=6,
    learning_rate=0.1,
    loss=0.5,
    accuracy=0.8,
    val_loss=0.6,
    val_accuracy=0.7,
    images_per_s=9.0,
)
PARTS = {"net": [np.arange(3, dtype=np.float32)]}


class Ray:
    """What Ray Train is to a worker: it takes reports, uploads beside them, and tells of drains."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.preemption_context = PreemptionContext()
        self.storage_context = SimpleNamespace(persist_current_checkpoint=self.persist)
        self.metrics: list[dict[str, float]] = []
        self.uploads: list[Future[Checkpoint]] = []
        self.refuses = 0  # so many uploads, with an error that is tried again
        self.pool = ThreadPoolExecutor()

    def persist(self, local: Checkpoint, name: str) -> Checkpoint:
        if self.refuses:
            self.refuses -= 1
            raise OSError("When completing a put: AWS Error SLOW_DOWN")
        return Checkpoint(str(shutil.copytree(local.path, self.folder / name)))

    def report(
        self,
        metrics: dict[str, float],
        checkpoint: Checkpoint | None = None,
        *,
        checkpoint_upload_mode: CheckpointUploadMode,
        checkpoint_upload_fn: Callable[[Checkpoint, str], Checkpoint] | None = None,
    ) -> None:
        assert checkpoint_upload_mode is CheckpointUploadMode.ASYNC
        self.metrics.append(metrics)
        if checkpoint and checkpoint_upload_fn:
            name = f"checkpoint_{len(self.uploads)}"
            told = (checkpoint, checkpoint_upload_fn, name)
            self.uploads.append(self.pool.submit(self._upload, *told))

    def _upload(
        self, local: Checkpoint, upload: Callable[[Checkpoint, str], Checkpoint], name: str
    ) -> Checkpoint:
        for _ in range(2):
            try:
                return upload(local, name)
            except OSError as error:
                if not any(token in str(error) for token in AWS_RETRYABLE_TOKENS):
                    raise
        return upload(local, name)

    def stored(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ray]:
    from ray_jobs.training import keeper

    made = Ray(tmp_path)
    monkeypatch.setattr(keeper.ray.train, "report", made.report)
    monkeypatch.setattr(context, "_train_context", made)
    with made.pool:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from ray_jobs.training import keeper

    made = Clock()
    monkeypatch.setattr(keeper, "time", made)
    return made


def keeper_of(*, is_chief: bool = True):
    """A worker's, of a training that keeps a checkpoint every five minutes."""
    from ray_jobs.training.keeper import Keeper

    spec = documents.spec()
    resources = spec.resources.model_copy(update={"checkpoint_minutes": 5})
    spec = spec.model_copy(update={"resources": resources})
    worker = SimpleNamespace(is_chief=is_chief, spec=spec, manifest=documents.manifest())
    return Keeper(worker)


def state_at(step: int, *history: EpochMetrics):
    from ray_jobs.training.outcome import TrainingState

    return TrainingState(step=step, history=history)


def nothing() -> None:
    """Come first, and do nothing."""


def refuse() -> None:
    """As a journal that the store does not take."""
    raise ClusterError("the object store is away", "it up", "Look")


def test_the_chief_is_due_five_minutes_after_the_last_one(ray: Ray, clock: Clock):
    keeper, due = keeper_of(), dict[int, bool]()
    for second in (0, 299, 300, 301):
        clock.now = 1000.0 + second
        due[second] = keeper.is_due()
        if second == 300:
            keeper.keep(state_at(1), PARTS, nothing)
    assert due == {0: False, 299: False, 300: True, 301: False}
    clock.now = 1000.0 + 600
    assert keeper.is_due()


def test_another_rank_has_no_clock_but_its_node_may_be_drained(ray: Ray, clock: Clock):
    keeper = keeper_of(is_chief=False)
    clock.now += 1e6
    assert not keeper.is_due()
    told = PreemptionInfo(deadline_ms=None, preempted_node_to_ranks={"a": [1]})
    ray.preemption_context.preemption_info = told
    assert keeper.is_due()
    assert not keeper.is_due()


def test_what_is_kept_is_whole_and_comes_after_what_is_first(ray: Ray):
    from ray_jobs.training import checkpoint

    keeper, stored_at_first = keeper_of(), list[list[str]]()
    keeper.keep(state_at(6, EPOCH), PARTS, lambda: stored_at_first.append(ray.stored()))
    committed = ray.uploads[0].result(timeout=120)
    assert stored_at_first == [[]]
    identity = checkpoint.identity_of(documents.spec(), documents.manifest().classes)
    state, parts = checkpoint.load(Path(committed.path), identity)
    assert state == state_at(6, EPOCH)
    np.testing.assert_array_equal(parts["net"], PARTS["net"])


@pytest.mark.parametrize("is_chief", [True, False])
def test_every_rank_reports_the_metrics_of_the_last_epoch(ray: Ray, is_chief: bool):
    keeper = keeper_of(is_chief=is_chief)
    keeper.keep(state_at(3), PARTS, nothing)
    keeper.keep(state_at(6, EPOCH), PARTS, nothing)
    assert ray.metrics == [{}, EPOCH.model_dump()]
    assert len(ray.uploads) == (2 if is_chief else 0)


def test_nothing_is_saved_where_what_is_first_fails_and_the_room_is_given_back(ray: Ray):
    keeper = keeper_of()
    for step in range(5):  # without the room, the third would wait for ever
        ray.pool.submit(keeper.keep, state_at(step), PARTS, refuse).result(timeout=120)
    for upload in ray.uploads:
        with pytest.raises(ClusterError, match="the object store is away"):
            upload.result(timeout=120)
    assert ray.stored() == []


def test_a_third_waits_until_one_of_two_is_written(ray: Ray):
    keeper, goes_on = keeper_of(), threading.Event()
    for step in (1, 2):
        keeper.keep(state_at(step), PARTS, goes_on.wait)
    third = ray.pool.submit(keeper.keep, state_at(3), PARTS, nothing)
    with pytest.raises(TimeoutError):
        third.result(timeout=0.3)
    goes_on.set()
    third.result(timeout=120)
    assert [upload.exception(timeout=120) for upload in ray.uploads] == [None] * 3
    assert ray.stored() == ["checkpoint_0", "checkpoint_1", "checkpoint_2"]


def test_an_upload_that_is_tried_again_is_committed_and_makes_no_more_room(ray: Ray):
    keeper, goes_on = keeper_of(), threading.Event()
    ray.refuses = 1
    keeper.keep(state_at(0), PARTS, nothing)
    assert ray.uploads[0].exception(timeout=120) is None
    assert ray.stored() == ["checkpoint_0"]
    for step in (1, 2):
        keeper.keep(state_at(step), PARTS, goes_on.wait)
    third = ray.pool.submit(keeper.keep, state_at(3), PARTS, nothing)
    with pytest.raises(TimeoutError):
        third.result(timeout=0.3)
    goes_on.set()
