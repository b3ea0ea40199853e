"""The way to a bucket: endpoint, credentials, time limits, retries."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import botocore.exceptions as aws
import botocore.session
from botocore.config import Config

from ray_jobs.contract.errors import CredentialError, SpecError
from ray_jobs.storage.s3 import ObjectStore

_SMALL_BYTES = 2**17


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address.

    >>> split_uri("s3://sortline/runs/ab12/spec.json")
    ('sortline', 'runs/ab12/spec.json')
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise SpecError(f"'{uri}' is no S3 address", "s3://BUCKET/KEY", "Correct the address")
    return parts.netloc, parts.path.lstrip("/")


def connect(
    bucket: str,
    *,
    endpoint: str | None = None,
    profile: str | None = None,
    credentials: Path | None = None,
    config: Config | None = None,
    keys: tuple[str, str] | None = None,
) -> ObjectStore:
    """The store that the environment names (AWS_ENDPOINT_URL, AWS_SHARED_CREDENTIALS_FILE).

    Args:
      bucket: its name.
      endpoint: URL of an S3 endpoint, over that of the environment.
      profile: profile of the shared credentials file, over AWS_PROFILE.
      credentials: that file, over AWS_SHARED_CREDENTIALS_FILE.
      config: time limits, retries or proxies, over the usual ones.
      keys: access key and secret, over every profile.

    Raises:
      CredentialError: the profile does not exist, or the file cannot be read.
    """
    import boto3  # 0.2 s: Airflow reads a DAG file again and again, and connects to nothing

    usual = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
        user_agent="sortline",  # botocore puts its own together twice a request: 0.2 ms of a core
        s3={"addressing_style": "path"},
    )
    try:
        core = botocore.session.Session(profile=profile)
        if credentials is not None:
            core.set_config_variable("credentials_file", str(credentials))
        if keys is not None:
            core.set_credentials(*keys)
        # The stubs overload `client` over every service of AWS; the cast keeps to the one of ours.
        session = cast("Any", boto3.Session(botocore_session=core))
        client = session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=session.region_name or "us-east-1",
            config=usual.merge(config) if config else usual,
        )
        client.meta.events.register_last("before-call.s3", _send_at_once)
    except (aws.ProfileNotFound, aws.PartialCredentialsError, aws.ConfigParseError) as error:
        raise CredentialError(
            str(error),
            "a profile in the shared credentials file",
            "Set AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE",
        ) from error
    return ObjectStore(client, bucket)


def _send_at_once(params: dict[str, Any], **_: object) -> None:
    # To wait for "100 Continue" is a round trip more a write. A large object is worth it: a store
    # that refuses it may hang up on a body that nobody reads (Go's servers read 256 KiB of one).
    body = params.get("body")
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= _SMALL_BYTES:
        params["headers"].pop("Expect", None)
