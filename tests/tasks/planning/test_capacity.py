"""What the cluster can give, against a dashboard that answers as Ray 2.60 does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ray_jobs.contract.errors import CapacityError, ClusterError, CredentialError
from ray_jobs.contract.run import Resources
from tasks.planning.capacity import ClusterResources, check, check_capacity, read_cluster
from tasks.settings import Settings

TOKEN = "a-token"


def node(total, state="ALIVE"):
    return {"node_id": "4f", "state": state, "is_head_node": True, "resources_total": total}


def nodes(*listed):
    return {"result": True, "data": {"result": {"total": len(listed), "result": list(listed)}}}


def status(types):
    report = None if types is None else {"autoscalerReport": {"nodeTypeMapping": types}}
    return {"result": True, "data": {"autoscalingError": None, "clusterStatus": report}}


class Dashboard(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {
            "/api/v0/nodes": nodes(node({"CPU": 2.0, "memory": 1.7e10, "node:127.0.0.1": 1.0})),
            "/api/cluster_status": status({"4f": "node_4f"}),
        }


class Handler(BaseHTTPRequestHandler):
    server: Dashboard

    def do_GET(self):
        token = self.headers.get("Authorization")
        code = 401 if token is None else 200 if token == f"Bearer {TOKEN}" else 403
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.answers.get(self.path)).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(dashboard, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    address = f"http://127.0.0.1:{dashboard.server_address[1]}"
    return Settings(ray_address=address, ray_token_file=tmp_path / "token")


def workers(fewest: int, most: int | None = None, *, use_gpu: bool = False) -> Resources:
    return Resources(workers_min=fewest, workers_max=most or fewest, use_gpu=use_gpu)


def test_more_workers_than_cpus_are_refused_with_the_most_there_can_be():
    cluster = ClusterResources(cpus=2, gpus=0, grows=False)
    fact = "3 workers are more than the cluster can ever give: it has 2 CPUs and 0 GPUs"
    with pytest.raises(CapacityError, match=f"{fact}; expected at most 2 .*--workers 2") as error:
        check_capacity(workers(3), cluster)
    assert error.value.exit_code == 2


def test_as_many_workers_as_cpus_are_let_pass():
    check_capacity(workers(2), ClusterResources(cpus=2, gpus=0, grows=False))


def test_an_elastic_order_needs_room_for_its_fewest_workers_only():
    check_capacity(workers(1, 64), ClusterResources(cpus=2, gpus=0, grows=False))


def test_workers_with_a_gpu_each_are_counted_in_gpus():
    with pytest.raises(CapacityError, match=r"expected at most 1 workers\. .*--workers 1"):
        check_capacity(workers(2, use_gpu=True), ClusterResources(8, 1, grows=False))


def test_a_cluster_that_may_grow_is_not_judged_by_what_it_has_now():
    check_capacity(workers(64), ClusterResources(cpus=0, gpus=0, grows=True))


def test_cpus_and_gpus_of_live_nodes_are_added_up(settings, dashboard):
    dead = node({"CPU": 64.0}, state="DEAD")
    dashboard.answers["/api/v0/nodes"] = nodes(
        node({"CPU": 2.0}), node({"CPU": 4.0, "GPU": 1.0}), dead
    )
    assert read_cluster(settings) == ClusterResources(cpus=6, gpus=1, grows=False)


@pytest.mark.parametrize("types", [None, {"4f": "gpu-group"}, {"4f": "node_4f", "5e": "workers"}])
def test_named_node_types_and_an_unknown_autoscaler_mean_that_it_may_grow(
    settings, dashboard, types
):
    dashboard.answers["/api/cluster_status"] = status(types)
    assert read_cluster(settings).grows


def test_each_worker_gets_a_gpu_where_the_cluster_has_as_many(settings, dashboard):
    assert not check(settings, workers(2)).use_gpu
    dashboard.answers["/api/v0/nodes"] = nodes(node({"CPU": 8.0, "GPU": 2.0}))
    assert check(settings, workers(1, 4)).use_gpu
    assert not check(settings, workers(3, 4)).use_gpu
    assert check(settings, workers(2)).use_gpu
    assert not check(settings, workers(3)).use_gpu


def test_a_wrong_token_is_the_users_to_correct(settings):
    settings.ray_token_file.write_text("another")
    with pytest.raises(CredentialError, match=r"refuses the token.*403.*SORTLINE_RAY_TOKEN_FILE"):
        read_cluster(settings)


def test_no_token_is_the_users_to_correct(settings):
    with pytest.raises(CredentialError, match="HTTP 401"):
        read_cluster(settings.model_copy(update={"ray_token_file": None}))


def test_a_token_file_that_is_not_there_is_named(settings):
    settings.ray_token_file.unlink()
    with pytest.raises(CredentialError, match=r"cannot be read.*SORTLINE_RAY_TOKEN_FILE"):
        read_cluster(settings)


def test_a_cluster_that_is_not_up_is_a_platform_error():
    nowhere = Settings(ray_address="http://127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"does not answer.*dashboard, up.*sortline up"):
        read_cluster(nowhere)


def test_something_else_at_the_address_is_a_platform_error(settings, dashboard):
    dashboard.answers["/api/v0/nodes"] = {"hello": "world"}
    with pytest.raises(ClusterError, match="does not answer as it should"):
        read_cluster(settings)


def test_a_cluster_that_nobody_named_is_said_so():
    with pytest.raises(ClusterError, match=r"no Ray cluster is named.*SORTLINE_RAY_ADDRESS"):
        read_cluster(Settings())
