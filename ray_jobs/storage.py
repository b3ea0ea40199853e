"""The object store as both sides use it: S3 through boto3, with conditional writes.

Rules (invariant 2): objects are content-addressed or written once, pointers move by If-Match.
`put` is for what is neither: a progress report, a training's journal, a staged table.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import botocore.exceptions as aws
import botocore.session
from botocore.config import Config

from ray_jobs.contract.document import Document, ObjectRef
from ray_jobs.contract.errors import (
    ClusterError,
    CredentialError,
    DataError,
    SortlineError,
    SpecError,
)

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

D = TypeVar("D", bound=Document)

_SMALL_BYTES = 2**17
_MISSING = {"NoSuchKey", "404", "NotFound"}
_PRECONDITION = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_REFUSED = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"}


class MissingObjectError(SortlineError):
    """Nothing lies at the key. Where a user named it, the caller says so in the user's words."""


class Tagged(NamedTuple):
    """An object's bytes and the tag that a later `compare_and_set` must still find."""

    data: bytes
    etag: str


class Listed(NamedTuple):
    """An object as a listing tells it; `modified` is in UTC."""

    key: str
    size_bytes: int
    etag: str
    modified: datetime


class Store(Protocol):
    """What Sortline asks of an object store."""

    def uri(self, key: str) -> str:
        """The `s3://` address of a key."""
        ...

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises MissingObjectError."""
        ...

    def get_tagged(self, key: str) -> Tagged | None:
        """An object's bytes with its tag, or None where nothing lies at the key."""
        ...

    def exists(self, key: str) -> bool:
        """Whether an object lies at the key."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write an object, over whatever lies there."""
        ...

    def put_once(self, key: str, data: bytes) -> bool:
        """Write an object where none lies (If-None-Match: *); False where one did."""
        ...

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """Write only if the object is still the one tagged `etag` (None: absent)."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below a prefix, sorted, without directory markers."""
        ...

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, sorted by key, without directory markers."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        ...


class ObjectStore:
    """One bucket of an S3 store."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def uri(self, key: str) -> str:
        """The `s3://` address of a key."""
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises MissingObjectError."""
        found = self.get_tagged(key)
        if found is None:
            raise MissingObjectError(
                f"{self.uri(key)} does not exist",
                "an object at this key",
                "Check the name, or make it again with the step that writes it",
            )
        return found.data

    def get_tagged(self, key: str) -> Tagged | None:
        """An object's bytes with its tag, or None where nothing lies at the key."""
        with self._errors(key):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
                return Tagged(answer["Body"].read(), answer["ETag"])
            except aws.ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise

    def exists(self, key: str) -> bool:
        """Whether an object lies at the key."""
        with self._errors(key):
            try:
                self._client.head_object(Bucket=self.bucket, Key=key)
            except aws.ClientError as error:
                if _code(error) in _MISSING:
                    return False
                raise
            return True

    def put(self, key: str, data: bytes) -> None:
        """Write an object, over whatever lies there."""
        with self._errors(key):
            self._write(key, data)

    def put_once(self, key: str, data: bytes) -> bool:
        """Write an object where none lies (If-None-Match: *); False where one did."""
        return self.compare_and_set(key, data, etag=None)

    def compare_and_set(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """Write only if the object is still the one tagged `etag` (None: absent)."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with self._errors(key):
            try:
                self._write(key, data, **condition)
            except aws.ClientError as error:
                if _code(error) in _PRECONDITION | _MISSING:
                    return False
                raise
            return True

    def _write(self, key: str, data: bytes, **condition: Any) -> None:  # noqa: ANN401
        kind = content_type(key)
        self._client.put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType=kind, **condition
        )

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below a prefix, sorted, without directory markers."""
        return (found.key for found in self.listed(prefix))

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix, sorted by key, without directory markers."""
        with self._errors(prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    key = item.get("Key", "/")
                    if not key.endswith("/"):  # pyarrow leaves directory markers behind
                        yield Listed(
                            key,
                            item.get("Size", 0),
                            item.get("ETag", ""),
                            item.get("LastModified", datetime.now(UTC)).astimezone(UTC),
                        )

    def look(self, key: str) -> Listed | None:
        """What is told of one object, or None where nothing lies at the key."""
        with self._errors(key):
            try:
                told = self._client.head_object(Bucket=self.bucket, Key=key)
            except aws.ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            modified = told["LastModified"].astimezone(UTC)
            return Listed(key, told["ContentLength"], told["ETag"], modified)

    @contextmanager
    def opened(self, listed: Listed, start: int = 0) -> Generator[Iterator[bytes]]:
        """The bytes of an object from `start` on, in chunks; only of the one that was listed.

        Raises:
          MissingObjectError: it is gone, or is another one by now.
        """
        with self._errors(listed.key):
            body = self._body(listed, start)
            try:
                yield body.iter_chunks(2**20)
            finally:
                body.close()

    def _body(self, listed: Listed, start: int) -> StreamingBody:
        part: dict[str, Any] = {"Range": f"bytes={start}-"} if start else {}
        try:
            return self._client.get_object(
                Bucket=self.bucket, Key=listed.key, IfMatch=listed.etag, **part
            )["Body"]
        except aws.ClientError as error:
            if _code(error) in _MISSING | _PRECONDITION:
                raise MissingObjectError(
                    f"{self.uri(listed.key)} is gone, or another one, since it was listed",
                    "a source that stays as it is while it is read",
                    "Run the ingest again",
                ) from error
            raise

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        for key in keys:
            with self._errors(key):
                self._client.delete_object(Bucket=self.bucket, Key=key)

    @contextmanager
    def _errors(self, key: str) -> Generator[None]:
        try:
            yield
        except aws.ClientError as error:
            raise self._translated(error, key) from error
        except (aws.NoCredentialsError, aws.ProfileNotFound, aws.PartialCredentialsError) as error:
            raise CredentialError(
                f"no S3 credentials for {self.uri(key)}: {error}",
                "a profile in the shared credentials file",
                "Set AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE",
            ) from error
        except (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError) as error:
            raise ClusterError(
                f"the object store does not answer: {error}",
                f"{self._client.meta.endpoint_url} up and reachable",
                "Run `sortline status`, then `sortline up`",
            ) from error

    def _translated(self, error: aws.ClientError, key: str) -> Exception:
        code = _code(error)
        message = str(error.response.get("Error", {}).get("Message", ""))
        if code in _REFUSED:
            return CredentialError(
                f"the object store refuses access to {self.uri(key)} ({code})",
                "a key that is known there and may do this",
                "Check the profile in the shared credentials file and the identity's rights",
            )
        if code == "NoSuchBucket":
            return SpecError(
                f"bucket '{self.bucket}' does not exist",
                "a bucket that is there",
                "Create it, or name another with SORTLINE_BUCKET",
            )
        return ClusterError(
            f"the object store failed on {self.uri(key)}: {code} {message}",
            "an answer without an error, and free disk space there",
            "Look at its log and its disk (`sortline status` names both), then run again",
        )


def connect(
    bucket: str,
    *,
    endpoint: str | None = None,
    profile: str | None = None,
    credentials: Path | None = None,
    config: Config | None = None,
    keys: tuple[str, str] | None = None,
) -> ObjectStore:
    """The store that the environment names (AWS_ENDPOINT_URL, AWS_SHARED_CREDENTIALS_FILE).

    Args:
      bucket: its name.
      endpoint: URL of an S3 endpoint, over that of the environment.
      profile: profile of the shared credentials file, over AWS_PROFILE.
      credentials: that file, over AWS_SHARED_CREDENTIALS_FILE.
      config: time limits, retries or proxies, over the usual ones.
      keys: access key and secret, over every profile.

    Raises:
      CredentialError: the profile does not exist, or the file cannot be read.
    """
    import boto3  # 0.2 s: Airflow reads a DAG file again and again, and connects to nothing

    usual = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
        user_agent="sortline",  # botocore puts its own together twice a request: 0.2 ms of a core
        s3={"addressing_style": "path"},
    )
    try:
        core = botocore.session.Session(profile=profile)
        if credentials is not None:
            core.set_config_variable("credentials_file", str(credentials))
        if keys is not None:
            core.set_credentials(*keys)
        # The stubs overload `client` over every service of AWS; the cast keeps to the one of ours.
        session = cast("Any", boto3.Session(botocore_session=core))
        client = session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=session.region_name or "us-east-1",
            config=usual.merge(config) if config else usual,
        )
        client.meta.events.register_last("before-call.s3", _send_at_once)
    except (aws.ProfileNotFound, aws.PartialCredentialsError, aws.ConfigParseError) as error:
        raise CredentialError(
            str(error),
            "a profile in the shared credentials file",
            "Set AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE",
        ) from error
    return ObjectStore(client, bucket)


def _send_at_once(params: dict[str, Any], **_: object) -> None:
    # To wait for "100 Continue" is a round trip more a write. A large object is worth it: a store
    # that refuses it may hang up on a body that nobody reads (Go's servers read 256 KiB of one).
    body = params.get("body")
    if isinstance(body, BytesIO) and body.getbuffer().nbytes <= _SMALL_BYTES:
        params["headers"].pop("Expect", None)


def _code(error: aws.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def content_type(key: str) -> str:
    """What a browser takes an object for, by the ending of its key.

    >>> content_type("judged/ab12/report.html"), content_type("raw/ab12")
    ('text/html; charset=utf-8', 'application/octet-stream')
    """
    kind, packed = mimetypes.guess_type(key)
    if kind is None or packed:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` address.

    >>> split_uri("s3://sortline/runs/ab12/spec.json")
    ('sortline', 'runs/ab12/spec.json')
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise SpecError(f"'{uri}' is no S3 address", "s3://BUCKET/KEY", "Correct the address")
    return parts.netloc, parts.path.lstrip("/")


def read_document(store: Store, kind: type[D], key: str) -> D:
    """Read and check one document. Raises MissingObjectError, SpecError."""
    return kind.from_json(store.get(key), origin=store.uri(key))


def find_document(store: Store, kind: type[D], key: str) -> D | None:
    """Read one document, or None where it was not written."""
    found = store.get_tagged(key)
    return None if found is None else kind.from_json(found.data, origin=store.uri(key))


def write_document(store: Store, document: Document, key: str) -> bool:
    """Write one document once; False where it is there already."""
    return store.put_once(key, document.to_json())


def put_content(store: Store, key: str, data: bytes) -> ObjectRef:
    """Write bytes once and return the reference that a reader checks them against."""
    store.put_once(key, data)
    return ObjectRef(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def fetch(store: Store, ref: ObjectRef) -> bytes:
    """Read bytes and check them.

    Raises:
      DataError: they are not those that were written.
    """
    return fetch_content(store, ref.key, ref.sha256)


def fetch_content(store: Store, key: str, sha256: str) -> bytes:
    """Read bytes and check them against what the key was written for.

    Raises:
      DataError: they are not those that were written.
    """
    data = store.get(key)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"{store.uri(key)} has sha256 {found[:12]}...",
            f"{sha256[:12]}... as recorded when it was written",
            "Restore the object from a backup, or make it again",
        )
    return data


def fetch_to(store: Store, ref: ObjectRef, path: Path) -> Path:
    """Read bytes, check them, and keep them at `path`, made whole by a rename."""
    return keep_at(path, fetch(store, ref))


def keep_at(path: Path, data: bytes) -> Path:
    """Keep bytes at `path`, made whole by a rename; several may keep the same file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each writes in a folder of its own; beside the file, as a rename stays on one file system.
    with TemporaryDirectory(dir=path.parent, prefix=".partial-") as own:
        partial = Path(own, path.name)
        partial.write_bytes(data)
        return partial.replace(path)
