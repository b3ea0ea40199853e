"""A webhook: where it is, and how a notice gets there without its secrets getting anywhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tasks.notices.notice import Notice

TIMEOUT_S = 5.0
PAUSES_S = (0.5, 2.0)  # between one try and the next: three tries in all

_LATER = {408, 429}
_FOR_GOOD = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Webhook(NamedTuple):
    """Where to post; address and token are secrets."""

    url: str
    token: str | None = None

    def __repr__(self) -> str:
        """Neither: whatever logs this."""
        return "Webhook(...)"


def address(connection: Mapping[str, Any]) -> str:
    """The address that a connection's fields state, however it was entered.

    >>> address({"extra": {"url": "https://hooks.example/T/secret"}, "host": "ignored"})
    'https://hooks.example/T/secret'
    >>> address({"host": "https://hooks.example/T/secret"})
    'https://hooks.example/T/secret'
    >>> address({"conn_type": "http", "schema": "https", "host": "hooks.example", "port": 8443})
    'https://hooks.example:8443'
    >>> address({"conn_type": "https", "host": "hooks.example", "schema": "T/secret"})
    'https://hooks.example/T/secret'
    """
    extra: Mapping[str, Any] = connection.get("extra") or {}
    host: str = extra.get("url") or connection.get("host") or ""
    if "://" in host:
        return host
    # Airflow's form puts the protocol into `schema`; an address as a URI, its path.
    schema: str = connection.get("schema") or ""
    is_protocol = schema in {"http", "https"}
    protocol = schema if is_protocol else connection.get("conn_type") or "https"
    port = f":{connection['port']}" if connection.get("port") else ""
    path = f"/{schema}" if schema and not is_protocol else ""
    return f"{protocol}://{host}{port}{path}"


def post(
    webhook: Webhook, notice: Notice, *, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Tell a webhook; what is wrong with it is the answer, never an exception.

    Returns:
      None once it has taken the notice, else why it did not; without address and token.
    """
    why = _try(webhook, notice)
    for pause_s in PAUSES_S:
        if why is None or not why.passing:
            break
        sleep(pause_s)
        why = _try(webhook, notice)
    return why and why.text


class _Refusal(NamedTuple):
    text: str
    passing: bool


def _try(webhook: Webhook, notice: Notice) -> _Refusal | None:
    headers = {"Authorization": f"Bearer {webhook.token}"} if webhook.token else {}
    try:
        with (
            _unlogged(),
            httpx.Client(timeout=TIMEOUT_S) as client,
            # The answer's body is not waited for: it may trickle for ever.
            client.stream(
                "POST", webhook.url, json=notice.model_dump(mode="json"), headers=headers
            ) as answer,
        ):
            if answer.is_success:
                return None
            status = answer.status_code
    except httpx.TransportError as error:
        return _Refusal(type(error).__name__, passing=not isinstance(error, _FOR_GOOD))
    except (httpx.InvalidURL, ValueError, TypeError):  # their texts quote the address or the token
        return _Refusal("its address or token is none", passing=False)
    return _Refusal(f"HTTP {status}", passing=status >= 500 or status in _LATER)


@contextmanager
def _unlogged() -> Generator[None]:
    """Without httpx's own line for each request, which holds the address."""
    logger = logging.getLogger("httpx")

    def drop(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)
