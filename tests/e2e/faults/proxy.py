"""The way to Ray's dashboard, in our hands: open, cut, or one that refuses every token."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from enum import Enum
from typing import Self

_REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Way(Enum):
    """What becomes of a connection."""

    OPEN = "open"
    CUT = "cut"
    REFUSING = "refusing"


class Proxy:
    """Passes TCP connections on, a thread each; what is open ends when the way changes."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._way = Way.OPEN
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, way: Way) -> None:
        """Change the way, for connections that are there, too."""
        self._way = way
        for connection in list(self._open):
            _close(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.turn(Way.CUT)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._way is Way.OPEN:
                self._pass_on(client)
            elif self._way is Way.REFUSING:
                client.recv(65536)
                client.sendall(_REFUSAL)

    def _pass_on(self, client: socket.socket) -> None:
        with socket.create_connection(self._target, timeout=5) as server:
            server.settimeout(None)
            pair = {client: server, server: client}
            self._open |= set(pair)
            try:
                _pump(pair)
            finally:
                self._open -= set(pair)


def _pump(pair: dict[socket.socket, socket.socket]) -> None:
    with selectors.DefaultSelector() as ready:
        for one in pair:
            ready.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)
                if not data:
                    return
                pair[key.fileobj].sendall(data)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
