"""The pool of trainings, on an Airflow and a Ray that answer as the real ones do."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from infra.airflow_api import AirflowApi, Pool
from infra.local.training_pool import keep_training_pool, offer_training_pool, pool_of
from ray_jobs.contract.errors import ClusterError
from tasks.planning.capacity import ClusterResources, trainings_at_once
from tasks.settings import Settings
from tests.serving import Request, serving


class Airflow:
    """Airflow 3.3.2's answers about pools."""

    def __init__(self) -> None:
        self.pools: dict[str, dict[str, Any]] = {}
        self.forbidden = False

    def __call__(self, request: Request) -> tuple[int, Any]:
        name = request.path.removeprefix("/api/v2/pools").strip("/")
        if request.path == "/auth/token":
            return 201, {"access_token": "t"}
        if self.forbidden:
            return 403, {"detail": "Forbidden"}
        if request.method == "POST":
            self.pools[request.body["name"]] = request.body
            return 201, request.body
        if name not in self.pools:
            return 404, {"detail": "not found"}
        if request.method == "PATCH":
            assert request.body.pop("pool") == name
            self.pools[name] |= request.body
        return 200, self.pools[name]


@pytest.fixture
def airflow():
    return Airflow()


@pytest.fixture
def up(airflow):
    """One `sortline up` on a cluster of so many CPUs; returns what it said."""

    def run(cpus: float, look_after=keep_training_pool) -> list[str]:
        said: list[str] = []
        with serving(airflow) as server, serving(dashboard(cpus)) as ray:
            api = AirflowApi(server.url, ("admin", "x"))
            look_after(api, Settings(ray_address=ray.url), said.append)
        return said

    return run


def dashboard(cpus: float):
    nodes = [{"node_id": "4f", "state": "ALIVE", "resources_total": {"CPU": cpus}}]
    answers = {
        "/api/v0/nodes": {"data": {"result": {"result": nodes}}},
        "/api/cluster_status": {"data": {"clusterStatus": None}},
    }
    return lambda request: (200, answers[request.path])


def test_the_pool_is_made_and_a_waiting_training_keeps_its_slot(airflow, up):
    assert up(4) == ["pool ray_training: trainings at once: 2"]
    assert airflow.pools["ray_training"] == asdict(pool_of(2))
    assert airflow.pools["ray_training"]["include_deferred"] is True


def test_a_second_start_changes_nothing(airflow, up):
    up(4)
    assert up(4) == []


def test_the_pool_follows_a_cluster_that_has_changed(airflow, up):
    up(4)
    assert up(16) == ["pool ray_training: trainings at once: 8"]
    assert airflow.pools["ray_training"] == asdict(pool_of(8))


@pytest.mark.parametrize(
    "by_hand",
    [
        replace(pool_of(2), slots=5),
        replace(pool_of(2), include_deferred=False),
        Pool("ray_training", 2, None, include_deferred=True),
    ],
)
def test_what_an_operator_has_changed_stays(airflow, up, by_hand):
    airflow.pools["ray_training"] = asdict(by_hand)
    assert up(16) == []
    assert airflow.pools["ray_training"] == asdict(by_hand)


def test_an_airflow_of_ours_that_refuses_is_an_error(airflow, up):
    airflow.forbidden = True
    with pytest.raises(ClusterError, match="403"):
        up(4)


def test_where_the_user_s_airflow_refuses_the_command_is_told(airflow, up):
    airflow.forbidden = True
    (said,) = up(4, offer_training_pool)
    assert "airflow pools set ray_training 1 'trainings at once' --include-deferred" in said


@pytest.mark.parametrize(
    ("cpus", "gpus", "slots"),
    [(0, 0, 1), (1, 0, 1), (2, 0, 1), (5, 0, 2), (64, 8, 4), (4, 1, 2), (64, 1, 32)],
)
def test_a_training_takes_two_cpus_and_two_gpus_where_there_are_as_many(cpus, gpus, slots):
    assert trainings_at_once(ClusterResources(cpus, gpus, grows=True)) == slots
