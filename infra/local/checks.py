"""Whether a part really works: each is asked something that only a working one answers."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, cast

import boto3
import botocore.exceptions as aws
import botocore.session
import httpx
from botocore.config import Config

from infra.local.parts import Part
from infra.local.plan import REGION, Plan
from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError, SpecError

_TIMEOUT_S = 5.0
_REFUSED = {401, 403}
_NO_BUCKET = {"NoSuchBucket", "404"}
_REFUSED_CODES = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403"}


def check_object_store(plan: Plan, profile: str | None) -> None:
    """List the bucket with a signed request.

    Raises:
      CredentialError: the key is refused, or there is none.
      SpecError: no such bucket.
      ClusterError: no answer.
    """
    address = plan.s3_endpoint
    try:
        client = _s3_client(plan.s3_endpoint, plan.aws_credentials, profile)
        client.list_objects_v2(Bucket=plan.state.bucket, MaxKeys=1)
    except (aws.NoCredentialsError, aws.ProfileNotFound, aws.PartialCredentialsError) as error:
        raise _refused(Part.SEAWEEDFS, address, str(error)) from error
    except aws.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _REFUSED_CODES:
            raise _refused(Part.SEAWEEDFS, address, code) from error
        if code in _NO_BUCKET:
            raise _no_bucket(plan.state.bucket, address) from error
        raise _unwell(Part.SEAWEEDFS, address, code) from error
    except (aws.BotoCoreError, ValueError) as error:
        raise _unwell(Part.SEAWEEDFS, address, str(error)) from error


@functools.cache
def _s3_client(endpoint: str, credentials: Path, profile: str | None) -> Any:  # noqa: ANN401
    session = botocore.session.Session(profile=profile)
    session.set_config_variable("credentials_file", str(credentials))
    config = Config(
        connect_timeout=_TIMEOUT_S,
        read_timeout=_TIMEOUT_S,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    made = cast("Any", boto3.Session(botocore_session=session, region_name=REGION))
    return made.client("s3", endpoint_url=endpoint, config=config)


def check_ray(plan: Plan) -> None:
    """Ask the Jobs API with the token, and for a live node.

    The Jobs API answers before the node is there, hence both.
    """
    headers = _bearer(plan.ray_token_file)
    _get(Part.RAY, f"{plan.ray_address}/api/jobs/", headers=headers)
    nodes = _get(Part.RAY, f"{plan.ray_address}/nodes?view=summary", headers=headers)
    summary = cast("list[dict[str, Any]]", nodes.json()["data"]["summary"])
    states = [node.get("raylet", {}).get("state") for node in summary]
    if "ALIVE" not in states:
        raise _unwell(Part.RAY, plan.ray_address, "no node is alive")


def _bearer(token_file: Path | None) -> dict[str, str]:
    if token_file is None:
        return {}
    return {"Authorization": f"Bearer {_read(token_file).strip()}"}


def check_mlflow(plan: Plan) -> None:
    """Search the experiments, logged in."""
    path = plan.mlflow_credentials_file
    url = f"{plan.mlflow_uri}/api/2.0/mlflow/experiments/search?max_results=1"
    _get(Part.MLFLOW, url, auth=login(path) if path else None)


def check_external_airflow(plan: Plan) -> None:
    """Log in, and ask for the health of every component."""
    path = plan.airflow_credentials_file
    if path is not None:
        username, password = login(path)
        body = {"username": username, "password": password}
        answer = _client().post(f"{plan.airflow_url}/auth/token", json=body)
        _judge(Part.API_SERVER, plan.airflow_url, answer)
    unhealthy = [name for name, found in airflow_health(plan).items() if not found[0]]
    if unhealthy:
        raise _unwell(Part.API_SERVER, plan.airflow_url, f"not healthy: {', '.join(unhealthy)}")


_COMPONENTS: dict[Part, tuple[str, str]] = {
    Part.SCHEDULER: ("scheduler", "latest_scheduler_heartbeat"),
    Part.TRIGGERER: ("triggerer", "latest_triggerer_heartbeat"),
    Part.DAG_PROCESSOR: ("dag_processor", "latest_dag_processor_heartbeat"),
}


def airflow_health(plan: Plan) -> dict[Part, tuple[bool, str | None]]:
    """Each component: whether Airflow calls it healthy, and its last heartbeat (ISO 8601)."""
    answer = _get(Part.API_SERVER, f"{plan.airflow_url}/api/v2/monitor/health")
    report = cast("dict[str, dict[str, str | None] | None]", answer.json())
    found: dict[Part, tuple[bool, str | None]] = {}
    for part, (key, heartbeat) in _COMPONENTS.items():
        component = report.get(key) or {}
        found[part] = (component.get("status") == "healthy", component.get(heartbeat))
    database = report.get("metadatabase") or {}
    found[Part.API_SERVER] = (database.get("status") == "healthy", None)
    return found


def login(path: Path) -> tuple[str, str]:
    """User name and password from a file `{"username": ..., "password": ...}`.

    Raises:
      CredentialError: the file is not there, or not of this form.
    """
    try:
        document = json.loads(_read(path))
        return str(document["username"]), str(document["password"])
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialError(
            f"{path} holds no login",
            'JSON: {"username": ..., "password": ...}',
            "Correct the file",
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CredentialError(
            f"{path} cannot be read ({error.strerror})",
            "a file with the credential",
            "Correct the variable that names it",
        ) from error


@functools.cache
def _client() -> httpx.Client:
    # One for all: making one loads the machine's certificates, 50 ms of a core that parts need.
    return httpx.Client(timeout=_TIMEOUT_S)


def _get(
    part: Part,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> httpx.Response:
    try:
        answer = _client().get(url, headers=headers, auth=auth)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unwell(part, url, str(error) or type(error).__name__) from error
    _judge(part, url, answer)
    return answer


def _judge(part: Part, url: str, answer: httpx.Response) -> None:
    if answer.status_code in _REFUSED:
        raise _refused(part, url, f"HTTP {answer.status_code}")
    if not answer.is_success:
        raise _unwell(part, url, f"HTTP {answer.status_code}")


def _refused(part: Part, address: str, reason: str) -> SortlineError:
    return CredentialError(
        f"{part} at {address} refuses our credential ({reason})",
        "a key, token or password that is known there",
        f"Correct what names it: {', '.join(_CREDENTIALS[part])}",
    )


_CREDENTIALS: dict[Part, tuple[str, ...]] = {
    Part.SEAWEEDFS: ("AWS_SHARED_CREDENTIALS_FILE", "SORTLINE_S3_PROFILE"),
    Part.RAY: ("SORTLINE_RAY_TOKEN_FILE",),
    Part.MLFLOW: ("SORTLINE_MLFLOW_CREDENTIALS_FILE",),
    Part.API_SERVER: ("SORTLINE_AIRFLOW_CREDENTIALS_FILE",),
}


def _no_bucket(bucket: str, address: str) -> SortlineError:
    return SpecError(
        f"{address} has no bucket '{bucket}'",
        "a bucket that is there",
        "Create it, or name another with SORTLINE_BUCKET",
    )


def _unwell(part: Part, address: str, reason: str) -> SortlineError:
    return ClusterError(
        f"{part} at {address} does not work: {reason}",
        "an answer",
        "Look at its log, or correct its address",
    )
