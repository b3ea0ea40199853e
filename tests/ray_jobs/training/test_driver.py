"""What the driver asks of Ray, and what it refuses before it asks."""

from __future__ import annotations

import asyncio
import errno
import pickle
from pathlib import Path

import pytest
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.train import Checkpoint
from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import CheckpointManager
from ray.train.v2._internal.execution.storage import StorageContext
from ray.train.v2._internal.execution.training_report import _TrainingReport

from ray_jobs.contract.dataset import DatasetManifest, Split
from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from ray_jobs.contract.run import Resources
from tests.ray_jobs.training.test_share import shards
from tests.tasks import documents
from tests.tasks.documents import manifest

pytestmark = pytest.mark.tf


def with_shards(train: int, val: int) -> DatasetManifest:
    """A manifest with shards of ten records."""
    splits = {Split.TRAIN: train, Split.VAL: val, Split.TEST: 1}
    return manifest().model_copy(
        update={"shards": {s: tuple(shards(*[10] * n)) for s, n in splits.items()}}
    )


def resources(fewest: int, most: int, *, use_gpu: bool = False) -> Resources:
    return Resources(workers_min=fewest, workers_max=most, use_gpu=use_gpu)


def test_a_worker_without_a_shard_is_refused():
    from ray_jobs.training.driver import check_shards

    check_shards(with_shards(4, 1), resources(2, 4))
    with pytest.raises(SpecError, match=r"5 workers for 4 training shards; .*Pass --workers 4"):
        check_shards(with_shards(4, 1), resources(2, 5))


@pytest.mark.parametrize(("train", "val", "empty"), [(0, 1, "train"), (4, 0, "val")])
def test_an_empty_split_is_refused(train: int, val: int, empty: str):
    from ray_jobs.training.driver import check_shards

    with pytest.raises(DataError, match=f"split '{empty}' of .* has no images; expected images"):
        check_shards(with_shards(train, val), resources(1, 1))


def test_a_batch_that_the_most_workers_cannot_share_is_refused_before_any_starts():
    from ray_jobs.training.driver import train

    recipe = documents.RECIPE.model_copy(update={"batch_size": 2})
    order = documents.spec().model_copy(update={"recipe": recipe, "resources": resources(1, 3)})
    with pytest.raises(SpecError, match=r"batch_size is 2 for 3 workers; .*batch_size=3 or fewer"):
        train("bucket", order, with_shards(4, 1))


def test_a_range_of_workers_is_elastic_and_one_number_is_not():
    from ray_jobs.training.driver import scaling_of

    assert scaling_of(resources(2, 2)).num_workers == 2
    assert scaling_of(resources(1, 4)).num_workers == (1, 4)
    assert scaling_of(resources(1, 4)).elasticity_enabled


def test_a_worker_takes_one_cpu_and_where_there_are_gpus_one_of_them():
    from ray_jobs.training.driver import scaling_of

    assert scaling_of(resources(2, 2)).resources_per_worker == {"CPU": 1}
    on_gpus = scaling_of(resources(2, 2, use_gpu=True))
    assert (on_gpus.use_gpu, on_gpus.resources_per_worker) == (True, {"CPU": 1, "GPU": 1})


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")  # Ray's snapshot
def test_the_good_checkpoint_before_a_refused_one_outlives_the_next(tmp_path: Path):
    from ray_jobs.training.driver import CHECKPOINTS

    async def commit() -> None:
        manager = CheckpointManager(CHECKPOINTS, StorageContext(str(tmp_path), "ray-train"))
        for name in ("old", "good", "refused", "new"):
            folder = tmp_path / "ray-train" / name
            folder.mkdir()
            manager.register_checkpoint(_TrainingReport(Checkpoint(str(folder)), {}, False))

    asyncio.run(commit())
    left = {path.name for path in (tmp_path / "ray-train").iterdir() if path.is_dir()}
    assert left == {"good", "refused", "new"}


def test_the_filesystem_crosses_to_the_workers_without_a_credential():
    from ray_jobs.training.driver import filesystem

    made = filesystem(
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:8333", "AWS_SECRET_ACCESS_KEY": "hush"}
    )
    assert b"hush" not in pickle.dumps(made)
    assert b"127.0.0.1:8333" in pickle.dumps(made)


def test_the_worker_whose_own_images_broke_the_step_is_the_one_that_is_heard():
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours
    from ray_jobs.training.failures import ElsewhereError

    of_another = pickle.loads(pickle.dumps(ElsewhereError("the loss is inf, of worker 1", "", "")))
    own = SpecError("the loss is inf; worker 1 had images ab12", "finite numbers", "Lower it")
    with pytest.raises(SpecError, match="had images ab12"):
        _raise_ours(WorkerGroupError("both", {0: of_another, 1: own}), resources(2, 2))


def test_an_error_of_ours_in_a_worker_is_the_drivers_error():
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours

    ours = DataError("a shard is not the one", "the one", "Restore it")
    failed = WorkerGroupError("both", {0: RuntimeError("collective"), 1: ours})
    with pytest.raises(DataError, match="a shard is not the one") as caught:
        _raise_ours(failed, resources(2, 2))
    assert caught.value is ours


def test_workers_that_find_no_place_are_a_matter_of_the_cluster():
    from ray.train.v2.api.exceptions import ControllerError

    from ray_jobs.training.driver import _raise_ours
    from ray_jobs.training.failures import _STARTUP_ERRORS

    for kind in _STARTUP_ERRORS:
        with pytest.raises(ClusterError, match=r"2 workers found no place .*expected as many free"):
            _raise_ours(ControllerError(kind(2)), resources(2, 2))


def a_death() -> Exception:
    """What Ray says of a worker whose process is gone."""
    return RayActorError(error_msg="its process is gone")


class UnavailableError(Exception):
    """Named as what TensorFlow raises in those that the dead one was training with."""


@pytest.mark.parametrize(
    "failures",
    [
        {0: a_death()},
        {0: RuntimeError("a collective was cut off"), 1: a_death()},
        {0: UnavailableError("the connection is gone")},
    ],
)
def test_workers_that_keep_dying_are_a_matter_of_the_cluster(failures: dict[int, Exception]):
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours

    with pytest.raises(ClusterError, match=r"lost 4 times with no .* last checkpoint"):
        _raise_ours(WorkerGroupError("gone", failures), resources(2, 2))


def test_a_fault_of_the_code_is_not_dressed_up():
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours

    failures = {0: KeyError("by nobody foreseen"), 1: UnavailableError("cut off with it")}
    with pytest.raises(WorkerGroupError, match="by nobody foreseen"):
        _raise_ours(WorkerGroupError("by nobody foreseen", failures), resources(2, 2))


def test_a_store_that_is_away_from_the_controller_is_tried_again_then_told():
    from ray.train import FailureConfig
    from ray.train.v2.api.exceptions import ControllerError

    from ray_jobs.training.driver import _raise_ours
    from ray_jobs.training.failures import FailurePolicy

    failed = ControllerError(OSError("When initiating a put: connection refused"))
    policy = FailurePolicy(FailureConfig(controller_failure_limit=2))
    decisions = [policy.make_decision(failed).value for _ in range(3)]
    assert decisions == ["RETRY", "RETRY", "RAISE"]
    with pytest.raises(ClusterError, match=r"the object store failed the training.*refused"):
        _raise_ours(failed, resources(2, 2))


def test_a_committed_checkpoint_begins_a_new_count(monkeypatch: pytest.MonkeyPatch):
    from ray.train import FailureConfig
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.failures import Commits, FailurePolicy

    monkeypatch.setattr(Commits, "count", 0)
    policy = FailurePolicy(FailureConfig(max_failures=1))
    gone = WorkerGroupError("gone", {0: a_death()})
    decisions: list[str] = []
    for checkpoint in (None, "committed", None, "committed"):
        Commits().after_report(None, [{}, {}], checkpoint)
        decisions.append(policy.make_decision(gone).value)
    assert decisions == ["RETRY", "RETRY", "RAISE", "RETRY"]


@pytest.mark.parametrize(
    "failure",
    [a_death(), OutOfMemoryError("killed by the memory monitor"), OSError("connection refused")],
)
def test_a_controller_that_was_failed_by_the_platform_goes_on(failure: Exception):
    from ray.train import FailureConfig
    from ray.train.v2.api.exceptions import ControllerError

    from ray_jobs.training.driver import _raise_ours
    from ray_jobs.training.failures import FailurePolicy

    failed = ControllerError(failure)
    policy = FailurePolicy(FailureConfig(controller_failure_limit=1))
    assert [policy.make_decision(failed).value for _ in range(2)] == ["RETRY", "RAISE"]
    with pytest.raises(ClusterError):
        _raise_ours(failed, resources(2, 2))


def test_a_full_disk_of_a_worker_is_told_as_one():
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours

    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ClusterError, match=r"no space is left on the disk"):
        _raise_ours(WorkerGroupError("full", {0: full}), resources(2, 2))


def test_what_is_not_to_be_tried_again_is_told_first():
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.driver import _raise_ours

    away = ClusterError("the object store does not answer", "it up", "Look")
    wrong = DataError("a shard is not the one", "the one", "Restore it")
    with pytest.raises(DataError):
        _raise_ours(WorkerGroupError("both", {0: away, 1: wrong}), resources(2, 2))


def test_a_group_is_not_resized_before_it_had_time_for_a_checkpoint():
    from ray_jobs.training.driver import scaling_of

    seldom = resources(1, 4).model_copy(update={"checkpoint_minutes": 10})
    often = resources(1, 4).model_copy(update={"checkpoint_minutes": 0.02})
    assert scaling_of(seldom).elastic_resize_monitor_interval_s == 20 * 60
    assert scaling_of(often).elastic_resize_monitor_interval_s == 60


def test_a_controller_that_cannot_begin_is_told_at_once():
    from ray_jobs.training.driver import _fit

    class Missing:
        times = 0

        def fit(self) -> None:
            self.times += 1
            raise RayActorError(error_msg="checkpoint_7 is not there", actor_init_failed=True)

    trainer = Missing()
    with pytest.raises(ClusterError, match=r"checkpoint_7 is not there.*remove ray-train/"):
        _fit(trainer)
    assert trainer.times == 1


def test_a_controller_that_keeps_dying_is_a_matter_of_the_cluster():
    from ray_jobs.training.driver import _fit

    class Dying:
        times = 0

        def fit(self) -> None:
            self.times += 1
            raise a_death()

    trainer = Dying()
    with pytest.raises(ClusterError, match="controller of Ray Train died 4 times"):
        _fit(trainer)
    assert trainer.times == 4


def test_another_failure_of_the_controller_is_not_dressed_up():
    from ray.train.v2.api.exceptions import ControllerError

    from ray_jobs.training.driver import _raise_ours

    with pytest.raises(ControllerError, match="by nobody foreseen"):
        _raise_ours(ControllerError(KeyError("by nobody foreseen")), resources(2, 2))


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (RuntimeError("a collective was cut off"), "RETRY"),
        (ClusterError("the object store does not answer", "it up", "Look"), "RETRY"),
        (SpecError("the loss is nan", "finite numbers", "Lower it"), "RAISE"),
        (DataError("a shard is not the one", "the one", "Restore it"), "RAISE"),
    ],
)
def test_what_is_wrong_with_the_order_or_the_data_is_not_tried_again(error, decision):
    from ray.train import FailureConfig
    from ray.train.v2.api.exceptions import WorkerGroupError

    from ray_jobs.training.failures import FailurePolicy

    failed = WorkerGroupError("one of two", {0: RuntimeError("cut off with it"), 1: error})
    policy = FailurePolicy(FailureConfig(max_failures=3))
    assert policy.make_decision(failed).value == decision
