"""Which notices are new: each wants a checkpoint once, whoever gave it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from ray.train.v2._internal.execution import context as ray_context
from ray.train.v2._internal.execution.preemption import PreemptionContext, merge_preemption_info
from ray.train.v2.api.preemption import PreemptionInfo

pytestmark = pytest.mark.tf


class Cluster:
    """What TensorFlow and Ray tell a worker, by the calls that they tell it by."""

    def __init__(self) -> None:
        self.signalled = threading.Event()
        self.is_gone = False
        self.preemption_context = PreemptionContext()

    def get_config_key_value(self, key: str) -> str:
        import tensorflow as tf

        assert key == "TF_DEFAULT_PREEMPTION_NOTICE_KEY"
        self.signalled.wait()
        if self.is_gone:
            raise tf.errors.CancelledError(None, None, "the cluster is gone")
        return "/job:worker/replica:0/task:1"

    def drain(self, node: str) -> None:
        """As a worker is told by Ray: of every node that is drained by now."""
        told = PreemptionInfo(deadline_ms=None, preempted_node_to_ranks={node: [0]})
        before = self.preemption_context.preemption_info
        self.preemption_context.preemption_info = (
            merge_preemption_info(before, told) if before else told
        )


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    from ray_jobs.training import notice

    made = Cluster()
    monkeypatch.setattr(notice, "context", SimpleNamespace(context=lambda: made))
    monkeypatch.setattr(ray_context, "_train_context", made)
    yield made
    signal(made)  # its thread ends with the test


@pytest.fixture
def notice(cluster: Cluster):
    from ray_jobs.training.notice import Notice

    return Notice()


def signal(cluster: Cluster) -> None:
    """Give the signal, and wait until the thread that listens for it has ended."""
    cluster.signalled.set()
    for thread in threading.enumerate():
        if thread.name == "notice":
            thread.join(timeout=120)


def asked_thrice(notice) -> list[bool]:
    return [notice.is_new() for _ in range(3)]


def test_a_drained_node_is_news_once(cluster: Cluster, notice):
    assert asked_thrice(notice) == [False, False, False]
    cluster.drain("a")
    assert asked_thrice(notice) == [True, False, False]


def test_a_signal_is_news_once(cluster: Cluster, notice):
    signal(cluster)
    assert asked_thrice(notice) == [True, False, False]


def test_a_signal_at_the_deadline_of_a_drain_is_news_again(cluster: Cluster, notice):
    cluster.drain("a")
    assert notice.is_new()
    signal(cluster)
    assert asked_thrice(notice) == [True, False, False]


def test_a_second_node_that_is_drained_is_news_again(cluster: Cluster, notice):
    cluster.drain("a")
    assert notice.is_new()
    cluster.drain("b")
    assert asked_thrice(notice) == [True, False, False]


def test_two_notices_at_once_are_one_piece_of_news(cluster: Cluster, notice):
    cluster.drain("a")
    signal(cluster)
    assert asked_thrice(notice) == [True, False, False]


def test_a_cluster_that_is_gone_gives_no_notice(cluster: Cluster, notice):
    cluster.is_gone = True
    signal(cluster)
    assert not notice.is_new()


def test_workers_of_drained_nodes_are_replaced_however_often():
    from ray.train import FailureConfig
    from ray.train.v2.api.exceptions import PreemptionError

    from ray_jobs.training.failures import FailurePolicy

    info = PreemptionInfo(deadline_ms=None, preempted_node_to_ranks={"a": [0]})
    policy = FailurePolicy(FailureConfig(max_failures=1))
    decisions = {policy.make_decision(PreemptionError(info)).value for _ in range(5)}
    assert decisions == {"RETRY"}
