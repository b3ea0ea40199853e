"""What the end-to-end tests of the stack share: how to bring one up, and how to look into it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, cast

import boto3
import botocore.session
from botocore.config import Config

from infra.local.home import Home
from infra.local.stack import Stack

# A home that is deeper than a unix socket's path may be, with a space in it.
DEEP = f"a home {'deep' * 20}"
# Ports of two parts are taken by somebody else while the stack starts.
OCCUPIED = (8333, 5000)
# What must not reach a part: it would dial there.
STRAY = {"RAY_ADDRESS": "http://127.0.0.1:1", "AIRFLOW_HOME": "/nowhere", "AWS_PROFILE": "nobody"}


class Running(NamedTuple):
    """A stack that is up, and what it said while it came up."""

    stack: Stack
    said: list[str]
    occupied: list[int]


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that names a part."""
    ours = ("SORTLINE_", "AWS_", "RAY_", "AIRFLOW", "MLFLOW")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def occupied() -> Generator[list[int]]:
    """Listeners on the ports that the stack would take first, until the block ends."""
    with ExitStack() as listeners:
        yield [_listen(listeners.enter_context(socket.socket()), port) for port in OCCUPIED]


def _listen(listener: socket.socket, port: int) -> int:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for candidate in range(port, 32_000, 100):  # Somebody else may hold the first ones.
        try:
            listener.bind(("127.0.0.1", candidate))
        except OSError:
            continue
        listener.listen()
        return candidate
    raise AssertionError(f"no free port from {port}")


def home_of(stack: Stack) -> Home:
    """The folders of a stack."""
    return Home(stack.home)


def ports_of(stack: Stack) -> dict[str, int]:
    """Name -> port of a stack's own parts."""
    return json.loads(home_of(stack).state_file.read_bytes())["ports"]


def s3_client(stack: Stack, profile: str) -> Any:
    """The stack's object store, as one identity."""
    session = botocore.session.Session(profile=profile)
    credentials = stack.environment()["AWS_SHARED_CREDENTIALS_FILE"]
    session.set_config_variable("credentials_file", credentials)
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    made = cast("Any", boto3.Session(botocore_session=session, region_name="us-east-1"))
    return made.client("s3", endpoint_url=stack.settings().s3_endpoint, config=config)
