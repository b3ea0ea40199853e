"""What a process of the stack finds in its environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from infra.local.environment import base_environment, marked_environment
from infra.local.generate import fill_vault
from infra.local.home import Home
from infra.local.launches import launch_of
from infra.local.parts import AIRFLOW_PARTS, Part
from infra.local.plan import Plan
from infra.local.ports import DEFAULT_PORTS, choose
from infra.local.state import StackState
from infra.local.variables import client_variables


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    ports, _ = choose(DEFAULT_PORTS, lambda _: True)
    home = Home(tmp_path)
    for folder in (home.logs, home.run):
        folder.mkdir()
    made = Plan(home, StackState(ports=ports, code_version="abc"))
    fill_vault(made.vault, bucket="sortline")
    return made


def secret_words(plan: Plan) -> set[str]:
    texts = [path.read_text() for path in plan.home.secrets.iterdir()]
    words = " ".join(texts).translate(str.maketrans('",={}', "     ")).split()
    return {word for word in words if len(word) >= 20 and word.isalnum()}


def test_nothing_of_the_users_shell_points_a_part_elsewhere():
    user = {
        "LC_ALL": "C",
        "RAY_ADDRESS": "http://else",
        "AIRFLOW__CORE__FERNET_KEY": "x",
        "AWS_ACCESS_KEY_ID": "x",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLFLOW_TRACKING_URI": "x",
    }

    assert set(base_environment(user)) == {"PATH", "LC_ALL", "no_proxy", "NO_PROXY"}


def test_what_runs_on_the_head_finds_this_head_and_no_newer_one(plan: Plan):
    variables = launch_of(plan, Part.RAY).variables

    assert variables["RAY_ADDRESS"] == f"127.0.0.1:{plan.state.ports['gcs']}"


def test_the_python_of_this_environment_comes_first():
    path = base_environment({"PATH": "/bin"})["PATH"]

    assert path == f"{Path(sys.executable).parent}:/bin"


def test_loopback_is_never_asked_through_a_proxy():
    user = {"https_proxy": "http://proxy:3128", "no_proxy": "internal,127.0.0.1"}

    passed = base_environment(user)

    assert passed["https_proxy"] == "http://proxy:3128"
    assert passed["no_proxy"] == passed["NO_PROXY"] == "internal,127.0.0.1,localhost"


def test_every_process_carries_the_mark_of_its_home_and_part(tmp_path: Path):
    home = Home(tmp_path)

    variables = marked_environment(home, Part.RAY, {"SORTLINE_STACK": "other"})

    assert variables["SORTLINE_STACK"] == home.stack_id
    assert variables["SORTLINE_PART"] == "ray"
    assert variables["SPT_NOENV"] == "1"  # a title would write over the mark


@pytest.mark.parametrize("part", list(Part))
def test_no_secret_is_in_a_command_nor_in_a_variable_that_is_not_read_from_a_file(
    plan: Plan, part: Part
):
    launch = launch_of(plan, part)
    texts = [*launch.command, *launch.variables.values()]

    assert [text for text in texts if any(word in text for word in secret_words(plan))] == []


@pytest.mark.parametrize("part", [Part.RAY, *AIRFLOW_PARTS])
def test_what_runs_user_code_has_no_secret_in_its_environment(plan: Plan, part: Part):
    assert launch_of(plan, part).secrets == {}


def test_every_port_is_bound_to_loopback_by_the_command(plan: Plan):
    commands = {part: " ".join(launch_of(plan, part).command) for part in Part}

    assert "-ip.bind=127.0.0.1" in commands[Part.SEAWEEDFS]
    assert "-disableHttp" in commands[Part.SEAWEEDFS]
    assert "--node-ip-address=127.0.0.1 --dashboard-host=127.0.0.1" in commands[Part.RAY]
    assert "--host=127.0.0.1" in commands[Part.MLFLOW]
    assert "--skip-serve-logs" in commands[Part.SCHEDULER]
    assert "--skip-serve-logs" in commands[Part.TRIGGERER]
    airflow = launch_of(plan, Part.API_SERVER).variables
    assert airflow["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_seaweedfs_forgets_the_flags_of_its_last_life(plan: Plan):
    remembered = plan.home.data(Part.SEAWEEDFS) / "mini.options"
    remembered.parent.mkdir()
    remembered.write_text("-whiteList=10.0.0.1")

    launch_of(plan, Part.SEAWEEDFS)

    assert not remembered.exists()


def test_mlflow_uses_its_own_identity_and_ray_a_shorter_file(plan: Plan):
    mlflow, ray = (launch_of(plan, part).variables for part in (Part.MLFLOW, Part.RAY))

    assert mlflow["AWS_PROFILE"] == "mlflow"
    assert mlflow["AWS_SHARED_CREDENTIALS_FILE"].endswith("aws-credentials-mlflow")
    assert ray["AWS_SHARED_CREDENTIALS_FILE"].endswith("aws-credentials-ray")
    assert "AWS_PROFILE" not in ray


def test_airflow_reads_its_connections_from_a_private_file(plan: Plan):
    variables = launch_of(plan, Part.TRIGGERER).variables
    given = json.loads(variables["AIRFLOW__SECRETS__BACKEND_KWARGS"])

    assert given == {"connections_file_path": str(plan.vault.airflow_connections)}


def test_a_last_session_of_ray_leaves_its_logs(plan: Plan):
    session = plan.home.run / "ray" / "session_1"
    (session / "logs").mkdir(parents=True)
    (session / "logs" / "job-driver-a.log").write_text("said")
    (session.parent / "session_latest").symlink_to(session)

    launch_of(plan, Part.RAY)

    assert (plan.home.logs / "ray-session" / "job-driver-a.log").read_text() == "said"
    assert not session.exists()


def test_a_client_gets_addresses_and_file_names(plan: Plan):
    variables = client_variables(plan)

    assert variables["SORTLINE_S3_ENDPOINT"] == variables["AWS_ENDPOINT_URL"]
    assert variables["SORTLINE_RAY_ADDRESS"] == "http://127.0.0.1:8265"
    assert variables["SORTLINE_MLFLOW_URI"] == "http://127.0.0.1:5000"
    assert variables["SORTLINE_CODE_VERSION"] == "abc"
    files = {name: path for name, path in variables.items() if name.endswith("CREDENTIALS_FILE")}
    assert all(Path(path).exists() for path in files.values())
