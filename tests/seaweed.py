"""A real object store for a test or a benchmark that needs nothing else of the stack."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ray_jobs.contract.errors import SortlineError
from ray_jobs.storage import ObjectStore, connect
from tests.ports import free_ports

BUCKET = "sortline"
_LOOPBACK = "127.0.0.1"
_KEYS = ("admin", "not-a-secret-on-loopback")
_UP_LIMIT_S = 60


class LocalStore(ObjectStore):
    """The bucket of a store of our own, and what is needed to reach it again."""

    url: str
    credentials: Path
    server: Server

    def at(self, url: str) -> ObjectStore:
        """The bucket by way of another address, a proxy's say."""
        return connect(self.bucket, endpoint=url, profile="admin", credentials=self.credentials)

    def new_bucket(self, name: str) -> ObjectStore:
        """Another bucket, made."""
        self._client.create_bucket(Bucket=name)
        return ObjectStore(self._client, name)


class Server:
    """SeaweedFS on ports and in a folder of its own; it may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # It takes the one 10,000 above each for gRPC.
        self.port, *others = free_ports(6, beside=10_000)
        (folder / "data").mkdir()
        self._command = _command(folder, self.port, others)
        self.start()

    def start(self) -> None:
        """Start it; it answers some seconds later."""
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)

    def kill(self) -> None:
        """Kill -9: who connects is refused."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_for(self, store: ObjectStore) -> None:
        """Wait until it takes writes."""
        limit = time.monotonic() + _UP_LIMIT_S
        while not _takes(store):
            if time.monotonic() > limit or self._process.poll() is not None:
                raise RuntimeError((self.folder / "weed.log").read_text()[-2000:])
            time.sleep(0.2)


@contextmanager
def object_store() -> Generator[LocalStore]:
    """SeaweedFS in a folder of its own, and a bucket in it; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="weed-") as name:
        _write_keys(Path(name))
        server = Server(Path(name))
        try:
            yield _store_of(server)
        finally:
            server.stop()


def _write_keys(folder: Path) -> None:
    access, secret = _KEYS
    identity = {
        "name": "admin",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "credentials").write_text(
        f"[admin]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
    )


def _command(folder: Path, s3: int, others: list[int]) -> list[str]:
    filer, master, volume, admin, grpc = others
    return [
        str(Path(sys.executable).with_name("weed")),
        "mini",
        f"-dir={folder / 'data'}",
        f"-ip={_LOOPBACK}",
        f"-ip.bind={_LOOPBACK}",
        f"-s3.config={folder / 's3.json'}",
        f"-bucket={BUCKET}",
        f"-s3.port={s3}",
        f"-s3.port.grpc={grpc}",
        f"-s3.localSocket={folder / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        f"-filer.port={filer}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-master.port={master}",
        "-master.telemetry=false",
        f"-volume.port={volume}",
        f"-admin.port={admin}",
        "-admin.ui=false",
        "-webdav=false",
    ]


def _store_of(server: Server) -> LocalStore:
    """The bucket, once it takes writes."""
    url, credentials = f"http://{_LOOPBACK}:{server.port}", server.folder / "credentials"
    plain = connect(BUCKET, endpoint=url, profile="admin", credentials=credentials)
    store = LocalStore(plain._client, BUCKET)
    store.url, store.credentials, store.server = url, credentials, server
    server.wait_for(store)
    return store


def _takes(store: ObjectStore) -> bool:
    try:
        store.put("ready", b"")
        store.delete(["ready"])
    except SortlineError:
        return False
    return True
