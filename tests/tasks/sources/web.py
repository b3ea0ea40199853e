"""A web server for tests, with ranges; it breaks off, refuses and changes as it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Web(ThreadingHTTPServer):
    """Serves `files` by path.

    Attributes:
      files: path -> bytes; may be changed while it runs.
      asked: the Range of each request, None where there was none.
      breaks: bytes after which each of the next answers breaks off.
      statuses: status of each of the next answers, in place of the file.
      has_tags, has_ranges, has_lengths: what it can.
    """

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.asked: list[str | None] = []
        self.breaks: list[int] = []
        self.statuses: list[int] = []
        self.has_tags = self.has_ranges = self.has_lengths = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("Range"))
        data = self.server.files.get(self.path.partition("?")[0].lstrip("/"))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if data is None or status != 200:
            self.send_error(404 if data is None else status)
            return
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        start = self._start(tag)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.has_tags:
            self.send_header("ETag", tag)
        if self.server.has_lengths:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self._send(data[start:])

    def _start(self, tag: str) -> int:
        wanted = self.headers.get("Range")
        if not wanted or not self.server.has_ranges or self.headers.get("If-Range") != tag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _send(self, data: bytes) -> None:
        try:
            if self.server.breaks:
                self.wfile.write(data[: self.server.breaks.pop(0)])
                self.close_connection = True
                return
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # who only looks hangs up

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def web(files: Mapping[str, bytes]) -> Iterator[Web]:
    """The server, for as long as the block lasts."""
    with Web(files) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
