"""What an answer of a part means: works, refuses, does not work."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local import asking
from infra.local import wait as waiting
from infra.local.asking import login
from infra.local.checks import check_mlflow, check_object_store, check_ray
from infra.local.generate import fill_vault
from infra.local.health import require_healthy, statuses
from infra.local.home import Home
from infra.local.parts import AIRFLOW_PARTS, Part, PartStatus
from infra.local.plan import Plan
from infra.local.state import StackState
from infra.local.supervisor import ProcessState
from infra.local.wait import wait_until_healthy
from ray_jobs.contract.errors import ClusterError, CredentialError, SpecError

Answers = dict[str, tuple[int, str]]


@pytest.fixture
def serve() -> Iterator[Callable[[Answers], str]]:
    """A function that answers paths (without query) with a status and a text."""
    servers: list[HTTPServer] = []

    def start(answers: Answers) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = answers.get(self.path.partition("?")[0], (404, ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def plan_for(tmp_path: Path, **external: str) -> Plan:
    return Plan(Home(tmp_path), StackState(external=external))


NO_NODE = json.dumps({"data": {"summary": [{"raylet": {"state": "DEAD"}}]}})
ONE_NODE = json.dumps({"data": {"summary": [{"raylet": {"state": "ALIVE"}}]}})


def test_ray_works_once_a_node_is_alive(serve: Callable[[Answers], str], tmp_path: Path):
    answers = {"/api/jobs/": (200, "[]"), "/nodes": (200, NO_NODE)}
    plan = plan_for(tmp_path, SORTLINE_RAY_ADDRESS=serve(answers))

    with pytest.raises(
        ClusterError, match=r"ray .* no node is alive.*expected a part.*sortline status --json"
    ):
        check_ray(plan)
    answers["/nodes"] = (200, ONE_NODE)
    check_ray(plan)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_the_users_to_correct(
    serve: Callable[[Answers], str], tmp_path: Path, status: int
):
    plan = plan_for(tmp_path, SORTLINE_RAY_ADDRESS=serve({"/api/jobs/": (status, "")}))

    with pytest.raises(CredentialError, match=r"refuses.*expected a key.*SORTLINE_RAY_TOKEN_FILE"):
        check_ray(plan)


def test_an_error_of_a_part_is_the_platforms(serve: Callable[[Answers], str], tmp_path: Path):
    path = "/api/2.0/mlflow/experiments/search"
    plan = plan_for(tmp_path, SORTLINE_MLFLOW_URI=serve({path: (500, "")}))

    with pytest.raises(
        ClusterError, match=r"mlflow at .* does not work: HTTP 500.*sortline status --json"
    ):
        check_mlflow(plan)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_an_address_that_leads_nowhere_is_told(tmp_path: Path, address: str):
    with pytest.raises(ClusterError, match=r"mlflow at .* does not work"):
        check_mlflow(plan_for(tmp_path, SORTLINE_MLFLOW_URI=address))


def s3_error(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>m</Message></Error>"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "InvalidAccessKeyId", CredentialError),
        (403, "AccessDenied", CredentialError),
        (404, "NoSuchBucket", SpecError),
        (500, "InternalError", ClusterError),
    ],
)
def test_each_refusal_of_an_object_store_has_its_culprit(
    serve: Callable[[Answers], str], tmp_path: Path, status: int, code: str, error: type[Exception]
):
    keys = tmp_path / "keys"
    keys.write_text("[team]\naws_access_key_id = a\naws_secret_access_key = b\n")
    address = serve({"/sortline": (status, s3_error(code))})
    plan = plan_for(tmp_path, SORTLINE_S3_ENDPOINT=address, AWS_SHARED_CREDENTIALS_FILE=str(keys))

    with pytest.raises(error):
        check_object_store(plan, "team")


def test_a_profile_that_does_not_exist_is_the_users_to_correct(tmp_path: Path):
    plan = plan_for(tmp_path, SORTLINE_S3_ENDPOINT="http://127.0.0.1:9")

    with pytest.raises(CredentialError, match=r"seaweedfs .*nobody.*AWS_SHARED_CREDENTIALS_FILE"):
        check_object_store(plan, "nobody")


def test_a_credentials_file_that_is_none_is_the_users_to_correct(tmp_path: Path):
    keys = tmp_path / "keys"
    keys.write_text("no file of that form")
    plan = plan_for(
        tmp_path, SORTLINE_S3_ENDPOINT="http://127.0.0.1:9", AWS_SHARED_CREDENTIALS_FILE=str(keys)
    )

    with pytest.raises(CredentialError, match=r"seaweedfs .*keys.*AWS_SHARED_CREDENTIALS_FILE"):
        check_object_store(plan, "team")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_an_object_store_that_is_not_there_is_told_at_once(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
):
    def wait(seconds: float) -> None:
        raise AssertionError(f"it waits {seconds} s for another try")

    monkeypatch.setattr(time, "sleep", wait)
    keys = tmp_path / "keys"
    keys.write_text("[team]\naws_access_key_id = a\naws_secret_access_key = b\n")
    plan = plan_for(tmp_path, SORTLINE_S3_ENDPOINT=address, AWS_SHARED_CREDENTIALS_FILE=str(keys))

    with pytest.raises(ClusterError, match=rf"seaweedfs at {address} does not work"):
        check_object_store(plan, "team")


def test_a_login_is_read_from_json(tmp_path: Path):
    path = tmp_path / "login"
    path.write_text('{"username": "a", "password": "b"}')

    assert login(Part.MLFLOW, path) == ("a", "b")


@pytest.mark.parametrize("text", ["a:b", '{"username": "a"}', "[]", None])
def test_another_form_of_login_is_refused(tmp_path: Path, text: str | None):
    path = tmp_path / "login"
    if text is not None:
        path.write_text(text)

    with pytest.raises(CredentialError, match=r"login.*expected"):
        login(Part.MLFLOW, path)


HEALTH = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:10+00:00"},
    "triggerer": {"status": "healthy", "latest_triggerer_heartbeat": "2026-01-01T00:00:00+00:00"},
    "dag_processor": {"status": "unhealthy", "latest_dag_processor_heartbeat": None},
}


def test_a_heartbeat_of_an_earlier_life_is_not_health(
    serve: Callable[[Answers], str], tmp_path: Path
):
    port = int(serve({"/api/v2/monitor/health": (200, json.dumps(HEALTH))}).rpartition(":")[2])
    plan = Plan(Home(tmp_path), StackState(ports={"airflow": port}))
    started = 1767225605  # 2026-01-01T00:00:05Z
    alive = {part.value: ProcessState("RUNNING", started) for part in AIRFLOW_PARTS}

    told = statuses(plan, alive)

    reasons = {status.name: status.reason for status in told}
    assert reasons["airflow-triggerer"] == (
        "the last heartbeat of airflow-triggerer (2026-01-01T00:00:00+00:00) is of an earlier life"
    )
    assert {status.name: status.healthy for status in told} == {
        "airflow-scheduler": True,
        "airflow-triggerer": False,
        "airflow-dag-processor": False,
        "airflow-api-server": True,
        "mlflow": False,
        "ray": False,
        "seaweedfs": False,
    }


def test_before_the_first_start_every_part_is_listed_and_none_is_healthy(tmp_path: Path):
    found = statuses(Plan(Home(tmp_path), StackState()), {})

    assert [status.name for status in found] == list(Part)
    assert not any(status.healthy or status.external for status in found)


SEARCH = "/api/2.0/mlflow/experiments/search"
ALIVE = {part.value: ProcessState("RUNNING", 0) for part in Part}
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
ALL_WELL = {
    "/api/jobs/": (200, "[]"),
    "/nodes": (200, ONE_NODE),
    SEARCH: (200, "{}"),
    "/sortline": (200, "<ListBucketResult/>"),
    "/api/v2/monitor/health": (200, json.dumps({n: {"status": "healthy"} for n in COMPONENTS})),
}


def plan_of_ours(address: str, home: Path) -> Plan:
    """A stack whose parts all answer at one address."""
    names: list[str] = ["s3", "dashboard", "mlflow", "airflow"]
    ports = dict.fromkeys(names, int(address.split(":")[2]))
    plan = Plan(Home(home), StackState(ports=ports))
    fill_vault(plan.vault, bucket=plan.state.bucket)
    return plan


def test_nothing_is_said_of_a_stack_that_is_healthy(
    serve: Callable[[Answers], str], tmp_path: Path
):
    require_healthy(plan_of_ours(serve(ALL_WELL), tmp_path), ALIVE)


def test_a_part_that_refuses_our_credential_is_the_users_to_correct_although_others_are_down(
    serve: Callable[[Answers], str], tmp_path: Path
):
    answers = ALL_WELL | {SEARCH: (401, ""), "/nodes": (500, "")}
    plan = plan_of_ours(serve(answers), tmp_path)

    with pytest.raises(CredentialError, match=r"mlflow at .* refuses our credential"):
        require_healthy(plan, ALIVE)

    down = [found.name for found in statuses(plan, ALIVE) if not found.healthy]
    assert down == [Part.MLFLOW, Part.RAY]


def test_a_part_that_is_down_says_what_is_wrong_and_where_its_log_is(
    serve: Callable[[Answers], str], tmp_path: Path
):
    sick = {name: {"status": "healthy"} for name in COMPONENTS} | {"triggerer": None}
    answers = {SEARCH: (500, ""), "/api/v2/monitor/health": (200, json.dumps(sick))}
    plan = plan_of_ours(serve(ALL_WELL | answers), tmp_path)
    processes = ALIVE | {"ray": ProcessState("FATAL", 0)}

    found = {one.name: (one.reason, one.log) for one in statuses(plan, processes)}

    log = {name: str(tmp_path / "logs" / f"{name}.log") for name in found}
    assert found["seaweedfs"] == (None, log["seaweedfs"])
    assert found["airflow-scheduler"] == (None, log["airflow-scheduler"])
    why, where = found["mlflow"]
    assert why.endswith("does not work: HTTP 500")
    assert where == log["mlflow"]
    assert found["ray"] == ("the process of ray is fatal", log["ray"])
    assert found["airflow-triggerer"][0] == "Airflow calls airflow-triggerer unhealthy"


def test_where_the_api_server_does_not_run_that_is_why_nothing_is_known_of_the_scheduler(
    serve: Callable[[Answers], str], tmp_path: Path
):
    plan = plan_of_ours(serve(ALL_WELL), tmp_path)
    processes = ALIVE | {"airflow-api-server": ProcessState("STOPPED", 0)}

    reasons = {one.name: one.reason for one in statuses(plan, processes)}

    assert reasons["airflow-api-server"] == "the process of airflow-api-server is stopped"
    assert reasons["airflow-scheduler"] == (
        "airflow-api-server, which tells of airflow-scheduler, does not run"
    )
    assert reasons["mlflow"] is None


def test_parts_that_are_down_are_named_with_their_home(
    serve: Callable[[Answers], str], tmp_path: Path
):
    plan = plan_of_ours(serve(ALL_WELL | {"/nodes": (500, ""), SEARCH: (500, "")}), tmp_path)

    message = rf"stack in {tmp_path} is not up: mlflow, ray; expected every part healthy.*line up"
    with pytest.raises(ClusterError, match=message):
        require_healthy(plan, ALIVE)


class Stumbling(Answers):
    """Answers of parts that are well, one of which fails at the looks that are told."""

    def __init__(self, path: str, *, at: set[int]) -> None:
        super().__init__(ALL_WELL)
        self.looks = 0
        self._path, self._at = path, at

    def get(self, path: str, other: object = None) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        if path != self._path:
            return super().get(path, other)
        self.looks += 1
        return (500, "") if self.looks in self._at else self[path]


def test_a_part_that_stumbles_once_is_given_a_second_look(
    serve: Callable[[Answers], str], tmp_path: Path
):
    answers = Stumbling(SEARCH, at={1})

    require_healthy(plan_of_ours(serve(answers), tmp_path), ALIVE)

    assert answers.looks == 2


class Supervisors:
    """A supervisord whose every part runs."""

    def processes(self) -> dict[str, ProcessState]:
        return ALIVE


def wait(plan: Plan) -> list[PartStatus]:
    return wait_until_healthy(plan, Supervisors(), lambda _: None, time.monotonic())  # pyright: ignore[reportArgumentType]


def test_a_start_does_not_wait_for_a_part_that_keeps_refusing(
    serve: Callable[[Answers], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waiting, "_REFUSAL_S", 0.3)
    monkeypatch.setattr(waiting, "TIME_LIMIT_S", 20)
    plan = plan_of_ours(serve(ALL_WELL | {SEARCH: (401, "")}), tmp_path)

    with pytest.raises(CredentialError, match=r"mlflow at .* refuses our credential"):
        wait(plan)


def test_a_part_that_refuses_for_a_moment_is_waited_for(
    serve: Callable[[Answers], str], tmp_path: Path
):
    answers = ALL_WELL | {SEARCH: (401, "")}
    plan = plan_of_ours(serve(answers), tmp_path)
    threading.Timer(0.3, answers.update, [{SEARCH: (200, "{}")}]).start()

    assert all(part.healthy for part in wait(plan))


def test_a_part_that_stumbles_at_the_last_look_of_a_start_is_waited_for_again(
    serve: Callable[[Answers], str], tmp_path: Path
):
    answers = Stumbling(SEARCH, at={2})

    assert all(part.healthy for part in wait(plan_of_ours(serve(answers), tmp_path)))

    assert answers.looks == 4


def test_threads_that_ask_first_share_one_client(monkeypatch: pytest.MonkeyPatch):
    made: list[object] = []

    def slow() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    monkeypatch.setattr(asking, "_made", functools.cache(slow))
    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(lambda _: id(asking._client()), range(8)))
    assert len(made) == 1
    assert got == {id(made[0])}
