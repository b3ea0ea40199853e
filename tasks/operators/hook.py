"""RayHook: an Airflow connection of type `ray` as a client of the Jobs API."""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import quote

import httpx
from airflow.sdk import BaseHook, Connection

from tasks.operators.errors import RayApiError
from tasks.operators.jobs_api import JobsApi


@dataclass(frozen=True)
class RayConnection:
    """Where a Ray dashboard is and how to talk to it; the token shows nowhere."""

    address: str
    dashboard_url: str
    token: str | None = field(repr=False)
    verify: bool = True
    ca_bundle: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Read an Airflow connection. Raises TypeError or ValueError for wrong extras."""
        extra = cast("dict[str, Any]", connection.extra_dejson)  # pyright: ignore[reportUnknownMemberType]
        address = _address(connection)
        return cls(
            address=address,
            dashboard_url=str(extra.get("dashboard_url") or address).rstrip("/"),
            token=_sendable("the token", connection.password or "") or None,
            verify=extra.get("verify") is not False,
            ca_bundle=extra.get("ca_bundle") or None,
            headers=_headers(extra.get("headers")),
        )

    def client(self) -> httpx.AsyncClient:
        """A client that carries address, token and TLS settings."""
        headers = dict(self.headers)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return httpx.AsyncClient(
            base_url=self.address,
            headers=headers,
            verify=_ssl_context(self.ca_bundle) if self.verify else False,
            timeout=httpx.Timeout(30.0, connect=5.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            # The address is the connection's; a proxy of the environment has no say in it.
            trust_env=False,
        )

    def job_url(self, submission_id: str) -> str:
        """The job's page on the dashboard."""
        return f"{self.dashboard_url}/#/jobs/{quote(submission_id, safe='')}"


class RayHook(BaseHook):
    """Talks to a Ray dashboard.

    The connection, of type `ray`: host = address of the dashboard, port = its port, unless the
    address holds it, password = token; extra = `{"verify": true, "ca_bundle": path,
    "headers": {...}, "dashboard_url": for people}`.
    """

    conn_name_attr = "ray_conn_id"
    default_conn_name = "ray_default"
    conn_type = "ray"
    hook_name = "Ray"

    def __init__(self, ray_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.ray_conn_id = ray_conn_id

    @asynccontextmanager
    async def api(self) -> AsyncGenerator[JobsApi]:
        """The Jobs API, for as long as the block lasts."""
        connection = RayConnection.of(await self.aget_connection(self.ray_conn_id))
        async with connection.client() as client:
            yield JobsApi(client)

    def ray_connection(self) -> RayConnection:
        """The connection, read."""
        return RayConnection.of(self.get_connection(self.ray_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """What the *Test* button shows."""
        try:
            connection = self.ray_connection()
            version = asyncio.run(_version(connection))
        except (RayApiError, httpx.InvalidURL, TypeError, ValueError, OSError) as error:
            return False, str(error)
        return True, f"Ray {version} answers at {connection.address} and takes the token"


async def _version(connection: RayConnection) -> str:
    async with connection.client() as client:
        api = JobsApi(client)
        await api.list()  # asks for the token; the version does not
        return await api.version()


def _address(connection: Connection) -> str:
    host = (connection.host or "http://127.0.0.1:8265").rstrip("/")
    if "://" not in host:
        host = f"{connection.schema or 'http'}://{host}"
    # Airflow's UI writes 0 for a port that is not given.
    return f"{host}:{connection.port}" if connection.port else host


def _headers(given: object) -> dict[str, str]:
    """The extra headers, from an object or from its JSON text (as a form sends it)."""
    headers: object = json.loads(given) if isinstance(given, str) and given else given or {}
    if not isinstance(headers, dict):
        # Not its value: a header may carry a secret.
        raise TypeError(f"headers is a {type(headers).__name__}; expected an object of texts")
    return {
        str(name): _sendable(f"header {name}", str(value))
        for name, value in cast("dict[str, object]", headers).items()
    }


def _sendable(what: str, value: str) -> str:
    """The value without blanks around it (a file's line break), if HTTP can carry it.

    The HTTP library would quote the value in its message, and that may be a secret.
    """
    value = value.strip()
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{what} holds a character that an HTTP header cannot carry")
    return value


@functools.cache
def _ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Reading the authorities takes 20 ms: once a process, not once a waiting job."""
    return ssl.create_default_context(cafile=ca_bundle)
