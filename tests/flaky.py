"""A way to an object store on which some requests are turned away or cut off."""

from __future__ import annotations

import http.client
import http.server
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
_HOP = {"connection", "transfer-encoding", "content-length"}


@dataclass
class Way:
    """What happens to a request: shares of 1, drawn from a seed; the rest passes.

    Attributes:
      slow_down: answered 503 SlowDown.
      lost: the connection is reset before the store hears of it.
      unheard: the store does it, and the connection is reset before its answer arrives.
      spares_last_attempts: a client's last try of a request passes, as botocore counts them.
      seen: how often each has happened.
    """

    slow_down: float = 0.0
    lost: float = 0.0
    unheard: float = 0.0
    seed: int = 0
    spares_last_attempts: bool = False
    url: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def fate(self, attempt: str) -> str:
        """What happens to the next request; `attempt` is as botocore says it: attempt=1; max=6."""
        with self._lock:
            drawn = self._random.random()
            fate = "passed"
            for name in ("slow_down", "lost", "unheard"):
                share = getattr(self, name)
                if 0 <= drawn < share:
                    fate = name
                drawn -= share
            if self.spares_last_attempts and _is_last(attempt):
                fate = "passed"
            self.seen[fate] += 1
            return fate


def _is_last(attempt: str) -> bool:
    counts = dict(part.split("=", 1) for part in attempt.split("; ") if "=" in part)
    return "max" in counts and counts["attempt"] == counts["max"]


@contextmanager
def flaky(endpoint: str, way: Way) -> Iterator[Way]:
    """Serve the way to an endpoint on a port of loopback; `way.url` is its address."""

    class Handler(_Handler):
        target = urlsplit(endpoint).netloc
        rules = way

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    way.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: str
    rules: Way

    def do_request(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fate = self.rules.fate(self.headers.get("amz-sdk-request", ""))
        if fate == "slow_down":
            self._answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
        elif fate == "lost":
            self._reset()
        else:
            status, headers, answer = self._ask(body)
            if fate == "unheard":
                self._reset()
            else:
                self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_request  # noqa: N815 - named by its base

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        store = http.client.HTTPConnection(self.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        store.request(self.command, self.path, body, headers)
        answer = store.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        store.close()
        return found

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):  # the client has gone, or we reset it
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test asks `seen`."""
