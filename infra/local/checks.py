"""Whether a part really works: each is asked something that only a working one answers."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from infra.local.asking import TIMEOUT_S, ask, bearer, login, refused, unwell
from infra.local.parts import Part
from infra.local.plan import AIRFLOW_CREDENTIALS, Plan
from infra.local.ports import LOOPBACK
from ray_jobs.contract.errors import ClusterError, CredentialError
from ray_jobs.storage import ObjectStore, connect

# Nothing lies there: the answer is short, however full the bucket.
_EMPTY_PREFIX = "datasets/.health/"


def check_object_store(plan: Plan, profile: str) -> None:
    """List the bucket with a signed request.

    Raises:
      CredentialError: the key is refused, or there is none.
      SpecError: no such bucket.
      ClusterError: no answer.
    """
    address = plan.s3_endpoint
    try:
        store = _store(plan.state.bucket, address, plan.aws_credentials, profile)
        next(store.keys(_EMPTY_PREFIX), None)
    except CredentialError as error:
        raise refused(Part.SEAWEEDFS, address, error.fact) from error
    except ClusterError as error:
        raise unwell(Part.SEAWEEDFS, address, error.fact) from error
    except (BotoCoreError, ValueError) as error:  # An address or a name that cannot be one.
        raise unwell(Part.SEAWEEDFS, address, str(error)) from error


@functools.cache
def _store(bucket: str, endpoint: str, credentials: Path, profile: str) -> ObjectStore:
    config = Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        retries={"total_max_attempts": 1},
        # None: those of the environment, which loopback is never asked through.
        proxies={} if urlsplit(endpoint).hostname == LOOPBACK else None,
    )
    return connect(
        bucket, endpoint=endpoint, profile=profile, credentials=credentials, config=config
    )


def check_ray(plan: Plan) -> None:
    """Ask the Jobs API with the token, and for a live node.

    The Jobs API answers before the node is there, hence both.
    """
    headers = bearer(Part.RAY, plan.ray_token_file)
    ask(Part.RAY, "GET", f"{plan.ray_address}/api/jobs/", headers=headers)
    nodes = ask(Part.RAY, "GET", f"{plan.ray_address}/nodes?view=summary", headers=headers)
    summary = cast("list[dict[str, Any]]", nodes.json()["data"]["summary"])
    states = [node.get("raylet", {}).get("state") for node in summary]
    if "ALIVE" not in states:
        raise unwell(Part.RAY, plan.ray_address, "no node is alive")


def check_mlflow(plan: Plan) -> None:
    """Search the experiments, logged in."""
    path = plan.mlflow_credentials_file
    url = f"{plan.mlflow_uri}/api/2.0/mlflow/experiments/search?max_results=1"
    ask(Part.MLFLOW, "GET", url, auth=login(Part.MLFLOW, path) if path else None)


def check_external_airflow(plan: Plan) -> None:
    """Log in, and ask for the health of every component."""
    username, password = external_airflow_login(plan)
    body = {"username": username, "password": password}
    ask(Part.API_SERVER, "POST", f"{plan.airflow_url}/auth/token", json=body)
    unhealthy = [name for name, found in airflow_health(plan).items() if not found[0]]
    if unhealthy:
        raise unwell(Part.API_SERVER, plan.airflow_url, f"not healthy: {', '.join(unhealthy)}")


def external_airflow_login(plan: Plan) -> tuple[str, str]:
    """User name and password of the user's Airflow."""
    path = plan.airflow_credentials_file
    if path is None:
        raise CredentialError(
            f"no login for Airflow at {plan.airflow_url}",
            'a file {"username": ..., "password": ...}',
            f"Name it with {AIRFLOW_CREDENTIALS}",
        )
    return login(Part.API_SERVER, path)


_COMPONENTS: dict[Part, tuple[str, str]] = {
    Part.SCHEDULER: ("scheduler", "latest_scheduler_heartbeat"),
    Part.TRIGGERER: ("triggerer", "latest_triggerer_heartbeat"),
    Part.DAG_PROCESSOR: ("dag_processor", "latest_dag_processor_heartbeat"),
}


def airflow_health(plan: Plan) -> dict[Part, tuple[bool, str | None]]:
    """Each component: whether Airflow calls it healthy, and its last heartbeat (ISO 8601)."""
    answer = ask(Part.API_SERVER, "GET", f"{plan.airflow_url}/api/v2/monitor/health")
    report = cast("dict[str, dict[str, str | None] | None]", answer.json())
    found: dict[Part, tuple[bool, str | None]] = {}
    for part, (key, heartbeat) in _COMPONENTS.items():
        component = report.get(key) or {}
        found[part] = (component.get("status") == "healthy", component.get(heartbeat))
    database = report.get("metadatabase") or {}
    found[Part.API_SERVER] = (database.get("status") == "healthy", None)
    return found
