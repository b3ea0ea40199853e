"""What the tests of the operators share: a fake Ray behind the connection, a fake supervisor."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from tests.fakes import InMemoryStore
from tests.tasks.operators.fake_airflow import Bucket, Supervisor, Told, set_connection
from tests.tasks.operators.fake_ray import TOKEN, FakeRay


@pytest.fixture(scope="session", autouse=True)
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Airflow reads its home when it is first imported: a folder of the tests' own."""
    os.environ.setdefault("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
    os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "True")
    os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr("tasks.operators.stopping._LOOK_EVERY_S", 0.005)
    monkeypatch.setattr("tasks.operators.log_tail._PAUSE_S", 0.005)
    monkeypatch.setattr("tasks.operators.log_tail._PAUSE_PER_READ", 0)
    monkeypatch.setattr("tasks.operators.log_tail._REST_S", 0.001)


@pytest.fixture
def ray() -> FakeRay:
    return FakeRay()


@pytest.fixture
def connected(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """The same, where Airflow's connection `ray_default` leads; only the network is replaced."""

    async def handle(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return await ray.handle(request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    set_connection(monkeypatch, TOKEN)
    return ray


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> InMemoryStore:
    """An empty bucket for the records of ownership."""
    monkeypatch.setattr(Bucket, "store", InMemoryStore())
    return Bucket.store


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Airflow's supervisor of this process."""
    from airflow.sdk.execution_time import task_runner

    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def told() -> Iterator[Told]:
    """What is logged during the test, by Airflow's loggers."""
    with capture_logs() as entries:
        yield Told(entries)
