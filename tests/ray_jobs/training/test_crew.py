"""Tasks of an evaluation on a real Ray of two CPUs."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import pytest
import ray

from ray_jobs.contract.errors import ClusterError, DataError
from ray_jobs.storage import Store
from ray_jobs.training.evaluation.crew import Cluster

pytestmark = pytest.mark.e2e

BUCKET = "made-up"  # nothing is asked of it


@pytest.fixture(scope="module")
def cluster() -> Generator[Cluster]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("RAY_ADDRESS", raising=False)
        environment.delenv("AWS_PROFILE", raising=False)
        environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            "local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100 * 2**20,
            _node_ip_address="127.0.0.1",
        )
        yield Cluster(BUCKET)
        ray.shutdown()


class Answer(NamedTuple):
    """What a task was given, and where it ran."""

    order: int
    bucket: str
    process: int


def answer(store: Store, order: int) -> Answer:
    return Answer(order, store.uri(""), os.getpid())


def refuse_the_second(store: Store, order: int) -> int:
    if order == 2:
        raise DataError("part 2 has no images", "images", "Ingest again")
    return order


def die(store: Store, order: Path) -> None:
    with order.open("a") as attempts:
        attempts.write("died\n")
    os._exit(1)


def die_once(store: Store, order: Path) -> str:
    if not order.exists():
        die(store, order)
    return "alive"


def test_every_order_is_worked_on_elsewhere_and_the_results_keep_their_order(cluster):
    found = cluster.each(answer, [3, 1, 2])
    assert [one.order for one in found] == [3, 1, 2]
    assert {one.bucket for one in found} == {f"s3://{BUCKET}/"}
    assert os.getpid() not in {one.process for one in found}


def test_what_a_task_raises_on_purpose_comes_out_as_itself(cluster):
    with pytest.raises(DataError, match=r"part 2 has no images; expected images\.") as raised:
        cluster.each(refuse_the_second, [1, 2, 3])
    assert type(raised.value) is DataError


def test_a_task_that_dies_once_is_given_to_another(cluster, tmp_path):
    assert cluster.each(die_once, [tmp_path / "one", tmp_path / "two"]) == ["alive", "alive"]


def test_a_task_that_dies_each_time_is_a_fault_of_the_cluster(cluster, tmp_path):
    with pytest.raises(ClusterError, match=r"was lost 4 times: .*worker died"):
        cluster.each(die, [tmp_path / "attempts"])
    assert (tmp_path / "attempts").read_text().count("died") == 4
