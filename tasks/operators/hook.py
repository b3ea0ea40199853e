"""RayHook: an Airflow connection of type `ray` as a client of the Jobs API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from airflow.sdk import BaseHook, Connection

from tasks.operators.jobs_api import JobsApi, RayApiError


class RayHook(BaseHook):
    """Talks to a Ray dashboard.

    The connection: host = URL of the dashboard, password = token, extra = `{"verify": bool or
    path of a CA bundle, "headers": {...}}`.
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
        connection = await self.aget_connection(self.ray_conn_id)
        async with httpx.AsyncClient(**_client_settings(connection)) as client:
            yield JobsApi(client)

    def address(self) -> str:
        """URL of the dashboard, without credentials."""
        return _address(self.get_connection(self.ray_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """What the *Test* button shows."""
        try:
            version = asyncio.run(self._version())
        except RayApiError as error:
            return False, str(error)
        return True, f"Ray {version} answers at {self.address()}"

    async def _version(self) -> str:
        async with self.api() as api:
            await api.list()  # asks for the token; the version does not
            return await api.version()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How the connection form names its fields."""
        return {
            "hidden_fields": ["schema", "login", "port"],
            "relabeling": {"host": "Dashboard URL", "password": "Token"},
            "placeholders": {
                "host": "https://ray.example:8265",
                "extra": '{"verify": true, "headers": {}}',
            },
        }


def _address(connection: Connection) -> str:
    host = connection.host or "http://127.0.0.1:8265"
    if "://" not in host:
        scheme = connection.schema or "http"
        host = f"{scheme}://{host}"
    return host if connection.port is None else f"{host}:{connection.port}"


def _client_settings(connection: Connection) -> dict[str, Any]:
    extra = cast("dict[str, Any]", connection.extra_dejson)  # pyright: ignore[reportUnknownMemberType]
    headers: dict[str, str] = dict(extra.get("headers") or {})
    if connection.password:
        headers["Authorization"] = f"Bearer {connection.password}"
    return {
        "base_url": _address(connection),
        "headers": headers,
        "verify": extra.get("verify", True),
        "timeout": httpx.Timeout(30.0, connect=5.0),
        # The address is the connection's; a proxy of the environment has no say in it.
        "trust_env": False,
    }
