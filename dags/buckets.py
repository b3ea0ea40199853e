"""The buckets of `s3://` sources, and whose keys open them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from dags.shared import settings
from ray_jobs.contract.errors import CredentialError
from ray_jobs.storage import ObjectStore, connect

CONNECTION_ID = "sortline_source"


def bucket(name: str) -> ObjectStore:
    """A bucket, as the connection `sortline_source` opens it.

    The connection is of Airflow's type `aws`: login and password are the keys, the extra holds
    `region_name`, or the `endpoint_url` of a store other than Amazon's. Without the connection,
    the bucket is looked for in Sortline's own store, as the identity that ingests.

    Raises:
      CredentialError: the connection holds no keys.
    """
    try:
        found: Any = Connection.get(CONNECTION_ID)
    except AirflowNotFoundException:
        return settings().model_copy(update={"bucket": name}).store("ingest")
    if not (found.login and found.password):
        raise CredentialError(
            f"the connection '{CONNECTION_ID}' holds no keys",
            "the access key as its login, and the secret key as its password",
            "Complete the connection in Airflow's UI (Admin, Connections)",
        )
    return connect(name, endpoint=_endpoint(found.extra_dejson), keys=(found.login, found.password))


def _endpoint(extra: dict[str, Any]) -> str:
    region = extra.get("region_name") or "us-east-1"
    return extra.get("endpoint_url") or f"https://s3.{region}.amazonaws.com"
