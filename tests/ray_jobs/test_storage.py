"""What the object store is sent, by a server that keeps what it hears."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ray_jobs.storage import ObjectStore, connect, keep_at


class Listener(ThreadingHTTPServer):
    """Answers every write with `status`, and keeps its headers."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[dict[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_PUT(self) -> None:
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def store(listener: Listener) -> ObjectStore:
    return connect("b", endpoint=f"http://127.0.0.1:{listener.server_port}", keys=("key", "secret"))


def test_a_write_is_sent_at_once_with_what_the_store_checks_it_against(store, listener):
    assert store.put_once("raw/x", b"photo")
    (heard,) = listener.heard
    assert "expect" not in heard
    assert heard["if-none-match"] == "*"
    assert heard["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
    assert heard["user-agent"].startswith("sortline")


def test_a_pointer_is_written_over_the_one_that_was_read_alone(store, listener):
    assert store.compare_and_set("models/x/champion.json", b"{}", etag='"abc"')
    (heard,) = listener.heard
    assert heard["if-match"] == '"abc"'
    assert "if-none-match" not in heard


@pytest.mark.parametrize("etag", ['"abc"', None])
def test_a_write_whose_condition_does_not_hold_is_refused_and_not_tried_again(
    store, listener, etag
):
    listener.status = 412
    assert not store.compare_and_set("models/x/champion.json", b"{}", etag=etag)
    assert len(listener.heard) == 1


def test_a_large_object_asks_first_whether_it_is_wanted(store, listener):
    assert store.put_once("raw/x", bytes(2**20))
    (heard,) = listener.heard
    assert heard["expect"] == "100-continue"


def test_a_browser_is_told_what_an_object_is(store, listener):
    store.put("judged/x/report.html", b"<p>")
    store.put_once("runs/x/card.json", b"{}")
    kinds = [heard["content-type"] for heard in listener.heard]
    assert kinds == ["text/html; charset=utf-8", "application/json"]


def test_several_keep_the_same_file_at_once_and_it_is_whole(tmp_path: Path):
    data = bytes(2**18)

    def keep(number: int) -> bytes:
        return keep_at(tmp_path / "cache" / f"{number // 8}.pb", data).read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert all(read == data for read in pool.map(keep, range(80)))
    assert len(list((tmp_path / "cache").iterdir())) == 10


def test_a_file_that_cannot_be_kept_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError, match="taken"):
        keep_at(tmp_path / "taken", b"bytes")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
