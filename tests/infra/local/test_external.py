"""Parts that the user gives: found in the environment, never mixed up with ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.external import external_variables, refuse_other_externals
from infra.local.generate import fill_vault
from infra.local.home import Home
from infra.local.launches import launch_of
from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.state import StackState
from infra.local.variables import client_variables
from infra.local.vault import Vault
from ray_jobs.contract.errors import SpecError


@pytest.fixture
def bare(tmp_path: Path) -> Plan:
    return Plan(Home(tmp_path), StackState())


def plan_with(tmp_path: Path, **external: str) -> Plan:
    ports = {"s3": 8333, "dashboard": 8265, "mlflow": 5000, "airflow": 8080}
    return Plan(Home(tmp_path), StackState(ports=ports, external=external))


def credentials(tmp_path: Path, *profiles: str) -> str:
    path = tmp_path / "credentials"
    path.write_text("".join(f"[{profile}]\naws_access_key_id = a\n" for profile in profiles))
    return str(path)


def test_without_an_address_nothing_is_external(bare: Plan):
    env = {"AWS_PROFILE": "team", "AWS_SHARED_CREDENTIALS_FILE": "/a", "SORTLINE_RAY_ADDRESS": ""}

    assert external_variables(env, bare) == {}


def test_an_address_brings_the_files_of_its_part_alone(bare: Plan):
    env = {
        "SORTLINE_RAY_ADDRESS": "http://ray:8265",
        "SORTLINE_RAY_TOKEN_FILE": "/token",
        "SORTLINE_MLFLOW_CREDENTIALS_FILE": "/login",
    }

    found = external_variables(env, bare)

    assert set(found) == {"SORTLINE_RAY_ADDRESS", "SORTLINE_RAY_TOKEN_FILE"}


def test_a_file_is_remembered_by_its_absolute_name(
    bare: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    env = {"SORTLINE_RAY_ADDRESS": "http://ray:8265", "SORTLINE_RAY_TOKEN_FILE": "token"}

    assert external_variables(env, bare)["SORTLINE_RAY_TOKEN_FILE"] == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("variables", "profile"),
    [
        ({"SORTLINE_S3_PROFILE": "one", "AWS_PROFILE": "two"}, "one"),
        ({"AWS_PROFILE": "two"}, "two"),
        ({}, "default"),
    ],
)
def test_one_profile_serves_every_step_where_the_user_has_one(
    bare: Plan, tmp_path: Path, variables: dict[str, str], profile: str
):
    env = {
        "SORTLINE_S3_ENDPOINT": "http://s3",
        "AWS_SHARED_CREDENTIALS_FILE": credentials(tmp_path, "default"),
        **variables,
    }

    assert external_variables(env, bare)["SORTLINE_S3_PROFILE"] == profile


def test_a_file_with_a_profile_a_step_is_used_as_it_is(bare: Plan, tmp_path: Path):
    steps = ("ingest", "train", "export", "evaluate", "judge", "serve")
    env = {
        "SORTLINE_S3_ENDPOINT": "http://s3",
        "AWS_SHARED_CREDENTIALS_FILE": credentials(tmp_path, *steps),
    }

    assert "SORTLINE_S3_PROFILE" not in external_variables(env, bare)


def test_a_shell_that_is_pointed_at_our_own_parts_keeps_them_ours(tmp_path: Path):
    ours = plan_with(tmp_path)

    assert external_variables(client_variables(ours), ours) == {}
    refuse_other_externals(ours, client_variables(ours))


def test_a_running_stack_is_not_mixed_with_another_part(tmp_path: Path):
    with pytest.raises(SpecError, match=r"ray at http://127.0.0.1:8265, not at http://ray:1.*down"):
        refuse_other_externals(plan_with(tmp_path), {"SORTLINE_RAY_ADDRESS": "http://ray:1"})


def test_an_external_part_is_not_ours_to_start(tmp_path: Path):
    plan = plan_with(tmp_path, SORTLINE_S3_ENDPOINT="https://s3/", SORTLINE_AIRFLOW_URL="http://a")

    assert plan.local_parts() == [Part.MLFLOW, Part.RAY]
    assert plan.external_parts() == [Part.SEAWEEDFS, Part.API_SERVER]
    assert plan.s3_endpoint == "https://s3"


def test_ray_and_mlflow_use_the_users_object_store(tmp_path: Path):
    home = Home(tmp_path)
    for folder in (home.logs, home.run):
        folder.mkdir()
    fill_vault(Vault(home.secrets), bucket="photos")
    ports = plan_with(tmp_path).state.ports
    names = ("gcs", "client", "node_manager", "object_manager", "agent_http", "agent_grpc")
    more = ("runtime_env_agent", "metrics", "autoscaler_metrics", "dashboard_metrics")
    external = {
        "SORTLINE_S3_ENDPOINT": "https://s3",
        "SORTLINE_S3_PROFILE": "team",
        "AWS_SHARED_CREDENTIALS_FILE": "/team/credentials",
    }
    ports |= dict.fromkeys((*names, *more), 1)
    plan = Plan(home, StackState(ports=ports, external=external, bucket="photos"))

    mlflow, ray = (launch_of(plan, part) for part in (Part.MLFLOW, Part.RAY))

    assert "--artifacts-destination=s3://photos/mlflow/artifacts" in mlflow.command
    assert mlflow.variables["AWS_PROFILE"] == "team"
    assert ray.variables["AWS_SHARED_CREDENTIALS_FILE"] == "/team/credentials"
    assert ray.variables["AWS_ENDPOINT_URL"] == "https://s3"


ADDRESSES = {
    "SORTLINE_S3_ENDPOINT": "AWS_SHARED_CREDENTIALS_FILE",
    "SORTLINE_RAY_ADDRESS": "SORTLINE_RAY_TOKEN_FILE",
    "SORTLINE_MLFLOW_URI": "SORTLINE_MLFLOW_CREDENTIALS_FILE",
    "SORTLINE_AIRFLOW_URL": "SORTLINE_AIRFLOW_CREDENTIALS_FILE",
}


@pytest.mark.parametrize(
    "address", ["http://me:hidden@host:1", "me:hidden@host", "http://hidden@h"]
)
@pytest.mark.parametrize(("variable", "file"), ADDRESSES.items())
def test_a_login_within_an_address_is_refused_and_not_repeated(
    tmp_path: Path, variable: str, file: str, address: str
):
    plan, env = plan_with(tmp_path), {variable: address}

    for use in (lambda: external_variables(env, plan), lambda: refuse_other_externals(plan, env)):
        with pytest.raises(
            SpecError, match=rf"{variable} .*expected an address.*{file}"
        ) as refusal:
            use()
        assert "hidden" not in str(refusal.value)
