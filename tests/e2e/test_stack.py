"""The one-machine stack, for real: where it listens, whom it refuses, what a kill leaves."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from botocore.exceptions import ClientError

from infra.local.parts import AIRFLOW_PARTS, Part
from infra.local.sockets import is_loopback, listeners
from infra.local.stack import Stack
from infra.local.sweep import kill_now, marked
from ray_jobs.contract.errors import ClusterError, CredentialError
from tests.e2e.local_stack import (
    OCCUPIED,
    Running,
    clean_environment,
    home_of,
    ports_of,
    s3_client,
)
from tests.e2e.processes import answers, command_line, kill_everything, part_of, processes_of
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e


def silent(_: str) -> None:
    """Report to nobody."""


def test_every_part_is_healthy_and_ours(stack: Stack):
    wait_until_up(stack)
    found = stack.status()

    assert {part.name for part in found} == set(Part)
    assert all(part.healthy and not part.external for part in found)


def test_a_busy_port_is_left_alone_and_told(running: Running):
    assert set(running.occupied) & set(ports_of(running.stack).values()) == set()
    for port in OCCUPIED:
        assert any(f"port {port} is busy, took " in line for line in running.said)


def test_up_again_starts_nothing_but_airflow_where_the_code_changed(stack: Stack):
    def up(version: str) -> dict[str, int]:
        env = clean_environment() | {"SORTLINE_CODE_VERSION": version}
        Stack.at(stack.home, env).up(silent)
        return {part: part_of(stack, part).pid for part in Part}

    unchanged = up(stack.settings().code_version or "")
    assert up(stack.settings().code_version or "") == unchanged

    changed = up("another")
    assert stack.settings().code_version == "another"
    assert {part for part in Part if changed[part] != unchanged[part]} == set(AIRFLOW_PARTS)


def test_every_socket_is_on_loopback(stack: Stack):
    sockets = listeners(home_of(stack).stack_id)

    assert set(ports_of(stack).values()) <= {port for _, port in sockets}
    assert [socket for socket in sockets if not is_loopback(socket[0])] == []


def test_files_are_for_their_owner_alone(stack: Stack):
    folders = [stack.home, *(stack.home / name for name in ("secrets", "logs", "run"))]
    patterns = ("secrets/*", "logs/*", "*/*.db*", "*.json", "airflow/logs/**/*")
    files = [path for pattern in patterns for path in stack.home.glob(pattern) if path.is_file()]

    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert len(files) > 20
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def secret_words(stack: Stack) -> set[str]:
    words: set[str] = set()
    for path in (stack.home / "secrets").iterdir():
        text = path.read_text()
        words.update(text.translate(str.maketrans('",={}', "     ")).split())
    public = text_of_settings(stack)
    return {word for word in words if len(word) >= 20 and word not in public}


def text_of_settings(stack: Stack) -> str:
    """What is no secret although it lies beside one: addresses, paths, names."""
    return " ".join([*stack.environment().values(), "mlflow.server.auth:authenticate_request"])


def test_no_secret_is_in_a_command_line_nor_in_a_log(stack: Stack):
    secrets = {word for word in secret_words(stack) if word.isalnum()}
    commands = [command for _, command in answers(processes_of(stack), command_line)]
    patterns = ("logs/**/*", "run/ray/*/logs/**/*", "airflow/logs/**/*", "run/supervisord.conf")
    logs = [path for pattern in patterns for path in stack.home.glob(pattern) if path.is_file()]
    texts = commands + [path.read_text(errors="replace") for path in logs]

    assert len(secrets) > 20
    assert len(logs) > 20
    assert [text for text in texts if any(secret in text for secret in secrets)] == []


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return False


def test_training_may_read_nothing_that_judges_it(stack: Stack):
    admin, train = s3_client(stack, "admin"), s3_client(stack, "train")
    unseen = ("shards/test/a", "raw/a", "judged/r/predictions", "models/d/champion")
    for key in (*unseen, "shards/train/a", "datasets/d/m"):
        admin.put_object(Bucket="sortline", Key=key, Body=b"x")

    for key in unseen:
        assert refused(lambda key=key: train.get_object(Bucket="sortline", Key=key)), key
    for key in ("shards/train/a", "datasets/d/m"):
        assert train.get_object(Bucket="sortline", Key=key)["Body"].read() == b"x"


@pytest.mark.parametrize(
    ("profile", "key", "may"),
    [
        ("export", "runs/r/c", True),
        ("export", "datasets/c", False),
        ("export", "shards/val/c", False),
        ("export", "weights/c", False),
        ("evaluate", "shards/test/c", True),
        ("evaluate", "judged/r/c", True),
        ("evaluate", "shards/val/c", False),
        ("evaluate", "shards/train/c", False),
        ("serve", "judged/r/c", True),
        ("serve", "shards/test/c", False),
    ],
)
def test_an_identity_reads_what_its_step_needs(stack: Stack, profile: str, key: str, may: bool):
    s3_client(stack, "admin").put_object(Bucket="sortline", Key=key, Body=b"x")
    client = s3_client(stack, profile)

    assert refused(lambda: client.get_object(Bucket="sortline", Key=key)) is not may


@pytest.mark.parametrize(
    ("profile", "key", "may"),
    [
        ("ingest", "shards/test/b", True),
        ("ingest", "models/d/b", False),
        ("train", "runs/r/b", True),
        ("train", "shards/train/b", False),
        ("export", "runs/r/b", True),
        ("export", "weights/b", False),
        ("train", "judged/r/b", False),
        ("export", "judged/r/b", False),
        ("evaluate", "judged/r/b", True),
        ("evaluate", "models/d/b", False),
        ("judge", "judged/r/b", True),
        ("judge", "models/d/b", True),
        ("serve", "runs/r/b", False),
        ("serve", "judged/r/b", False),
    ],
)
def test_an_identity_writes_below_its_prefixes_only(
    stack: Stack, profile: str, key: str, may: bool
):
    client = s3_client(stack, profile)

    assert refused(lambda: client.put_object(Bucket="sortline", Key=key, Body=b"x")) is not may


def test_only_mlflow_reaches_its_bucket(stack: Stack):
    judge = s3_client(stack, "judge")

    assert refused(lambda: judge.list_objects_v2(Bucket="mlflow"))


def http_status(url: str, method: str = "GET") -> int:
    """What an anonymous client is answered; 0 for nothing."""
    try:
        return httpx.request(method, url, timeout=60).status_code
    except httpx.HTTPError:
        return 0


@pytest.mark.parametrize(
    ("port", "path", "status"),
    [
        ("s3", "/sortline/datasets/anonymous", 403),
        ("filer", "/buckets/sortline/datasets/anonymous", 404),
        ("master", "/dir/assign", 404),
        ("master", "/dir/lookup?volumeId=1", 404),
        ("volume", "/1,0123456789", 401),
        ("admin", "/", 404),
        ("dashboard", "/api/jobs/", 401),
        ("dashboard", "/nodes?view=summary", 401),
        ("agent_http", "/api/job_agent/jobs/", 401),
        ("runtime_env_agent", "/get_or_create_runtime_env", 401),
        ("mlflow", "/api/2.0/mlflow/experiments/search?max_results=1", 401),
        ("airflow", "/api/v2/dags", 401),
    ],
)
def test_an_anonymous_client_is_refused(stack: Stack, port: str, path: str, status: int):
    s3_client(stack, "admin").put_object(Bucket="sortline", Key="datasets/anonymous", Body=b"x")
    url = f"http://127.0.0.1:{ports_of(stack)[port]}{path}"

    assert http_status(url) == status
    assert http_status(url, "POST") not in range(200, 400)


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("s3", "/healthz"),
        ("s3", "/status"),
        ("master", "/"),
        ("volume", "/status"),
        ("metrics", "/metrics"),
        ("autoscaler_metrics", "/metrics"),
        ("dashboard_metrics", "/metrics"),
        ("dashboard", "/"),
        ("dashboard", "/api/authentication_mode"),
        ("dashboard", "/api/gcs_healthz"),
        ("agent_http", "/api/local_raylet_healthz"),
        ("mlflow", "/health"),
        ("mlflow", "/api/3.0/mlflow/server-info"),
        ("airflow", "/api/v2/monitor/health"),
        ("airflow", "/execution/health"),
        ("airflow", "/api/v2/version"),
        ("airflow", "/openapi.json"),
    ],
)
def test_what_answers_anyone_tells_no_secret_and_no_object(stack: Stack, port: str, path: str):
    s3_client(stack, "admin").put_object(Bucket="sortline", Key="datasets/anonymous", Body=b"x")
    answer = httpx.get(f"http://127.0.0.1:{ports_of(stack)[port]}{path}", timeout=60)

    assert answer.status_code == 200
    assert not any(word in answer.text for word in {*secret_words(stack), "datasets/", "anonymous"})


@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("gcs", "/ray.rpc.InternalKVGcsService/InternalKVKeys"),
        ("node_manager", "/ray.rpc.NodeManagerService/GetNodeStats"),
        ("object_manager", "/ray.rpc.ObjectManagerService/Pull"),
        ("client", "/ray.rpc.RayletDriver/ClusterInfo"),
        ("agent_grpc", "/ray.rpc.ReporterService/GetTraceback"),
        ("filer_grpc", "/filer_pb.SeaweedFiler/ListEntries"),
        ("master_grpc", "/master_pb.Seaweed/VolumeList"),
        ("volume_grpc", "/volume_server_pb.VolumeServer/VolumeServerStatus"),
        ("s3_grpc", "/messaging_pb.SeaweedS3/Configure"),
    ],
)
def test_an_anonymous_grpc_client_is_refused(stack: Stack, port: str, method: str):
    address = f"127.0.0.1:{ports_of(stack)[port]}"

    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary(method)(b"", timeout=60)

    # SeaweedFS's ports end the connection: it came without a certificate.
    assert refusal.value.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}


def test_an_unsigned_write_to_the_filer_changes_nothing(stack: Stack):
    admin, port = s3_client(stack, "admin"), ports_of(stack)["filer"]
    admin.put_object(Bucket="sortline", Key="datasets/kept", Body=b"before")
    url = f"http://127.0.0.1:{port}/buckets/sortline/datasets/kept"

    assert http_status(url, "PUT") not in range(200, 400)
    assert http_status(url, "DELETE") not in range(200, 400)
    assert admin.get_object(Bucket="sortline", Key="datasets/kept")["Body"].read() == b"before"


def external_environment(stack: Stack) -> dict[str, str]:
    """A shell in which the object store, MLflow and Airflow of a stack are the user's."""
    inner = stack.environment()
    username, password = stack.airflow_login()
    login = stack.home / "airflow-login.json"
    login.write_text(f'{{"username": "{username}", "password": "{password}"}}')
    names = ("SORTLINE_S3_ENDPOINT", "AWS_SHARED_CREDENTIALS_FILE", "SORTLINE_MLFLOW_URI")
    return {
        **clean_environment(),
        **{name: inner[name] for name in names},
        "SORTLINE_MLFLOW_CREDENTIALS_FILE": inner["SORTLINE_MLFLOW_CREDENTIALS_FILE"],
        "SORTLINE_AIRFLOW_URL": stack.airflow_url,
        "SORTLINE_AIRFLOW_CREDENTIALS_FILE": str(login),
    }


def test_what_is_given_is_not_started_and_a_killed_stack_leaves_nothing(
    stack: Stack, own_home: Path
):
    other = Stack.at(own_home, external_environment(stack))
    found = {part.name: part for part in other.up(silent)}

    assert {name for name, part in found.items() if part.external} == {
        Part.SEAWEEDFS,
        Part.MLFLOW,
        Part.API_SERVER,
    }
    assert found[Part.SEAWEEDFS].address == stack.settings().s3_endpoint
    environments = answers(processes_of(other), psutil.Process.environ)
    # One that is just being started has none yet.
    parts = {variables.get("SORTLINE_PART") for _, variables in environments} - {None}
    assert parts == {Part.RAY, "supervisord"}

    kill_now(processes_of(other))
    fresh_shell = Stack.at(own_home, clean_environment())
    assert not next(part for part in fresh_shell.status() if part.name == Part.RAY).healthy
    fresh_shell.down(silent)

    assert processes_of(other) == []
    assert listeners(home_of(other).stack_id) == set()
    assert not home_of(other).short_run.is_symlink()
    wait_until_up(stack)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"SORTLINE_S3_ENDPOINT": "http://127.0.0.1:9"}, ClusterError, "seaweedfs .* answer"),
        ({"SORTLINE_S3_PROFILE": "wrong"}, CredentialError, "seaweedfs .* AWS_SHARED"),
        ({"SORTLINE_MLFLOW_CREDENTIALS_FILE": "wrong"}, CredentialError, "mlflow .* refuses"),
        ({"SORTLINE_RAY_ADDRESS": "http://127.0.0.1:9"}, ClusterError, "ray .* does not work"),
        ({"SORTLINE_AIRFLOW_CREDENTIALS_FILE": "wrong"}, CredentialError, "airflow.* refuses"),
    ],
)
def test_a_given_part_that_cannot_be_used_starts_nothing(
    stack: Stack,
    own_home: Path,
    tmp_path: Path,
    change: dict[str, str],
    error: type[Exception],
    message: str,
):
    wrong = tmp_path / "wrong"
    wrong.write_text('{"username": "admin", "password": "wrong"}')
    change = {
        name: str(wrong) if name.endswith("_FILE") else value for name, value in change.items()
    }
    other = Stack.at(own_home, external_environment(stack) | change)

    with pytest.raises(error, match=message):
        other.up(silent)

    assert processes_of(other) == []
    assert not (own_home / "stack.json").exists()


def wait_until_up(stack: Stack) -> None:
    until("every part healthy", stack.is_up)


@pytest.fixture
def hurt(stack: Stack) -> Iterator[Stack]:
    """The session's stack, up again for those that come after, whatever the test finds."""
    yield stack
    stack.up(silent)


def test_a_killed_part_comes_back_by_itself(hurt: Stack):
    stack = hurt
    s3_client(stack, "admin").put_object(Bucket="sortline", Key="datasets/survivor", Body=b"x")
    killed = [part_of(stack, part) for part in Part]
    old_ray = marked(home_of(stack).stack_id, Part.RAY)

    kill_now(killed)
    wait_until_up(stack)

    assert not any(process.is_running() for process in [*killed, *old_ray])
    survivor = s3_client(stack, "serve").get_object(Bucket="sortline", Key="datasets/survivor")
    assert survivor["Body"].read() == b"x"


def unix_sockets(process: psutil.Process) -> list[Path]:
    addresses = [str(connection.laddr) for connection in process.net_connections("unix")]
    return [Path(address) for address in addresses if address.startswith("/")]


def test_down_after_a_kill_of_everything_leaves_nothing_and_data_stay(hurt: Stack):
    stack = hurt
    before = ports_of(stack)
    unix = [path for _, paths in answers(processes_of(stack), unix_sockets) for path in paths]
    assert unix != []
    kill_everything(stack)

    stack.down(silent)

    assert processes_of(stack) == []
    assert listeners(home_of(stack).stack_id) == set()
    assert [path for path in unix if path.exists()] == []
    assert not home_of(stack).short_run.is_symlink()

    said: list[str] = []
    stack.up(said.append)
    moved = [port for name, port in before.items() if ports_of(stack)[name] != port]
    assert [port for port in moved if f"port {port} is busy" not in " ".join(said)] == []
    survivor = s3_client(stack, "serve").get_object(Bucket="sortline", Key="datasets/survivor")
    assert survivor["Body"].read() == b"x"
