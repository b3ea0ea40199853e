"""RayHook: what a connection means, what its *Test* button says, and what it never shows."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import pytest

from tests.serving import Request, serving
from tests.tasks.operators.fake_airflow import set_connection
from tests.tasks.operators.fake_ray import TOKEN, FakeRay

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


def dashboard(request: Request) -> tuple[int, Any]:
    """Like Ray's: the version is for anybody, the jobs are for who has the token."""
    if request.path == "/api/version":
        return 200, {"ray_version": "2.60.0"}
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return 401, "Unauthorized"
    return 200, []


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch):
    """What the *Test* button says of a connection."""
    from tasks.operators.hook import RayHook

    def test(host: str, token: str = TOKEN, **said: Any) -> tuple[bool, str]:
        connection = {"conn_type": "ray", "host": host, "password": token} | said
        monkeypatch.setenv("AIRFLOW_CONN_RAY_DEFAULT", json.dumps(connection))
        ok, message = RayHook().test_connection()
        assert TOKEN not in message
        assert "wrong-token" not in message
        return ok, message

    return test


def connection(**said: Any):
    from airflow.sdk import Connection

    from tasks.operators.hook import RayConnection

    if isinstance(said.get("extra"), dict):
        said["extra"] = json.dumps(said["extra"])
    return RayConnection.of(Connection(conn_id="ray_default", conn_type="ray", **said))


def test_a_good_token_is_told_with_the_version_and_the_address(tested):
    with serving(dashboard) as ray:
        assert tested(ray.url) == (True, f"Ray 2.60.0 answers at {ray.url} and takes the token")


def test_a_wrong_token_is_told(tested):
    with serving(dashboard) as ray:
        ok, message = tested(ray.url, "wrong-token")
    assert (ok, message) == (False, f"Ray's dashboard at {ray.url} refuses the token")


def test_no_token_where_one_is_needed_is_told(tested):
    with serving(dashboard) as ray:
        ok, message = tested(ray.url, "")
    assert not ok
    assert "refuses the token" in message


def test_a_dead_port_is_told(tested):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ok, message = tested(f"http://127.0.0.1:{port}")
    assert not ok
    assert f"http://127.0.0.1:{port} does not answer" in message


def test_a_server_that_is_no_ray_is_told(tested):
    with serving(lambda _: (200, "a page")) as other:
        ok, message = tested(other.url)
    assert not ok
    assert "no answer of Ray's Jobs API" in message


@pytest.mark.parametrize("headers", ["{not json", "[1, 2]", 7, ["X-Tenant"]])
def test_wrong_headers_are_told_without_their_value(tested, headers: object):
    with serving(dashboard) as ray:
        ok, message = tested(ray.url, extra={"headers": headers})
    assert not ok
    assert message
    assert "X-Tenant" not in message


@pytest.mark.parametrize("given", [{"X-Tenant": "sorting"}, '{"X-Tenant": "sorting"}'])
def test_the_headers_of_the_connection_reach_the_server(tested, given: object):
    """A form sends an object as its JSON text; a URI or a file holds the object."""
    with serving(dashboard) as ray:
        assert tested(ray.url, extra={"headers": given})[0]
        assert {one.headers["X-Tenant"] for one in ray.requests} == {"sorting"}


def test_a_missing_ca_bundle_is_told(tested):
    ok, message = tested("https://127.0.0.1:1", extra={"ca_bundle": "/no/such.pem"})
    assert not ok
    assert "No such file" in message


@pytest.mark.parametrize("address", ["http://[half", "http://ray:port", "http://ray:8265\n"])
def test_an_address_that_is_none_is_told(tested, address: str):
    ok, message = tested(address)
    assert not ok
    assert message


def test_a_token_that_was_pasted_with_its_line_break_is_taken(tested):
    with serving(dashboard) as ray:
        assert tested(ray.url, f"{TOKEN}\n")[0]


@pytest.mark.parametrize("token", ["wrong-token\nX: y", "wrong-token\x00", "wrong-tökén"])
def test_a_token_that_no_header_can_carry_is_told_without_it(tested, token: str):
    """The HTTP library's own message quotes the whole header."""
    ok, message = tested("http://127.0.0.1:1", token)
    assert not ok
    assert "the token holds a character" in message


def test_a_header_that_cannot_be_sent_is_told_without_its_value(tested):
    ok, message = tested("http://127.0.0.1:1", extra={"headers": {"X-Key": "header-secret\nY: z"}})
    assert not ok
    assert "header X-Key holds a character" in message
    assert "header-secret" not in message


def test_a_proxy_of_the_environment_is_not_asked(tested, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(dashboard) as ray:
        assert tested(ray.url)[0]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ({"host": "https://ray.example:8265/"}, "https://ray.example:8265"),
        ({"host": "ray.example", "port": 8265}, "http://ray.example:8265"),
        ({"host": "ray.example", "schema": "https"}, "https://ray.example"),
        ({"host": "https://ray.example/behind/a/path"}, "https://ray.example/behind/a/path"),
        ({}, "http://127.0.0.1:8265"),
    ],
)
def test_an_address_is_read_as_it_is_written(said: dict[str, Any], address: str):
    assert connection(**said).address == address


def test_links_lead_where_people_can_go():
    inside = connection(host="http://ray:8265", extra={"dashboard_url": "https://ray.example/"})
    assert inside.job_url("a/b 1") == "https://ray.example/#/jobs/a%2Fb%201"
    assert connection(host="http://ray:8265").job_url("a-1") == "http://ray:8265/#/jobs/a-1"


@pytest.mark.parametrize(("verify", "mode"), [(None, ssl.CERT_REQUIRED), (True, ssl.CERT_REQUIRED)])
def test_certificates_are_checked_unless_somebody_says_no(verify: bool | None, mode: int):
    said = connection(host="https://ray.example", extra={"verify": verify})
    assert said.verify
    assert said.client()._transport._pool._ssl_context.verify_mode is mode


def test_somebody_may_say_no_to_the_check_of_certificates():
    said = connection(host="https://ray.example", extra={"verify": False})
    assert said.client()._transport._pool._ssl_context.verify_mode is ssl.CERT_NONE


def test_a_connection_shows_neither_token_nor_headers():
    said = connection(
        host="http://ray:8265", password=TOKEN, extra={"headers": {"X-Key": "header-secret"}}
    )
    assert TOKEN not in f"{said!r} {said}"
    assert "header-secret" not in f"{said!r} {said}"


def test_a_client_shows_no_token():
    said = connection(host="http://ray:8265", password=TOKEN)
    client = said.client()
    assert client.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(client.headers)


async def test_each_use_reads_the_connection_anew(
    connected: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    from tasks.operators.hook import RayHook

    hook = RayHook()
    async with hook.api() as api:
        await api.list()
    connected.token = "tomorrow's"
    set_connection(monkeypatch, "tomorrow's")
    async with hook.api() as api:
        await api.list()
