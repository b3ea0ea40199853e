"""What the client does where Airflow's database gives a call up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from infra import airflow_api
from infra.airflow_api import AirflowApi, Pool
from ray_jobs.contract.errors import ClusterError

LOCKED = (500, {"detail": {"reason": "Database error", "statement": "hidden"}})
POOL = Pool("ray_training", 1, "ours", include_deferred=True)


class Airflow(ThreadingHTTPServer):
    """Answers calls from a list, in order, and notes their bodies."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, object]] = []
        self.bodies: list[dict[str, object]] = []


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            status, answer = 201, {"access_token": "token"}
        else:
            self.server.bodies.append(body)
            status, answer = self.server.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    monkeypatch.setattr(airflow_api, "_LOCKED_WAITS_S", (0.0, 0.0))
    with Airflow() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    return AirflowApi(f"http://127.0.0.1:{airflow.server_port}", ("admin", "password"))


def test_a_call_that_the_database_gave_up_is_made_again(airflow: Airflow, api: AirflowApi):
    airflow.answers = [LOCKED, LOCKED, (201, {})]

    api.add_pool(POOL)

    assert [body["name"] for body in airflow.bodies] == ["ray_training"] * 3


def test_a_run_that_had_begun_all_the_same_is_not_begun_twice(airflow: Airflow, api: AirflowApi):
    airflow.answers = [LOCKED, (409, {"detail": {"reason": "Unique constraint violation"}})]

    run_id = api.trigger("retrain_classifier", {"seed": 1})

    assert [body["dag_run_id"] for body in airflow.bodies] == [run_id] * 2
    airflow.answers = [(200, {})]
    assert api.trigger("retrain_classifier", {"seed": 1}) != run_id


def test_a_database_that_stays_locked_is_told(airflow: Airflow, api: AirflowApi):
    airflow.answers = [LOCKED] * 3

    with pytest.raises(ClusterError, match=r"500 to /api/v2/pools.*Database error"):
        api.add_pool(POOL)


@pytest.mark.parametrize("detail", ["anything", {"reason": "another"}])
def test_another_error_is_told_at_once(airflow: Airflow, api: AirflowApi, detail: object):
    airflow.answers = [(500, {"detail": detail})]

    with pytest.raises(ClusterError, match="500"):
        api.add_pool(POOL)

    assert len(airflow.bodies) == 1
