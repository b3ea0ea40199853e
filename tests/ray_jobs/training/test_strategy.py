"""Which devices a worker trains on: those it was given, and one replica on them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ray_jobs.contract.errors import SortlineError

pytestmark = pytest.mark.tf


class Node:
    """What `tf.config` says of a node with two GPUs, and is told of them."""

    def __init__(self) -> None:
        self.visible = ["GPU:0", "GPU:1"]
        self.growing: list[str] = []
        self.threading = SimpleNamespace(
            set_intra_op_parallelism_threads=lambda _: None,
            set_inter_op_parallelism_threads=lambda _: None,
        )
        self.experimental = SimpleNamespace(set_memory_growth=self.grow)

    def get_visible_devices(self, kind: str) -> list[str]:
        assert kind == "GPU"
        return self.visible

    def set_visible_devices(self, devices: list[str], kind: str) -> None:
        assert kind == "GPU"
        self.visible = devices

    def grow(self, gpu: str, *, enable: bool) -> None:
        assert enable
        self.growing.append(gpu)


@pytest.mark.parametrize(("use_gpu", "seen"), [(False, []), (True, ["GPU:0", "GPU:1"])])
def test_a_worker_that_was_given_no_gpu_sees_none_of_its_node(
    monkeypatch: pytest.MonkeyPatch, use_gpu: bool, seen: list[str]
):
    from ray_jobs.training import strategy

    node = Node()
    monkeypatch.setattr(strategy, "tf", SimpleNamespace(config=node))
    strategy.configure_devices(1, use_gpu=use_gpu)
    assert node.visible == node.growing == seen


def test_two_replicas_of_one_worker_are_refused(two_replicas):
    from ray_jobs.training.strategy import check_replicas

    check_replicas(two_replicas, workers=2)
    with pytest.raises(SortlineError, match=r"2 replicas for 1 workers; .*CUDA_VISIBLE_DEVICES"):
        check_replicas(two_replicas, workers=1)
