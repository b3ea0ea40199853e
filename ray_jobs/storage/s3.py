"""A bucket of an S3 store, through boto3: what its errors mean, and writes with a condition."""

from __future__ import annotations

import mimetypes
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.exceptions as aws

from ray_jobs.contract.errors import ClusterError, CredentialError, SpecError
from ray_jobs.storage.store import Listed, MissingObjectError, Tagged

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_MISSING = {"NoSuchKey", "404", "NotFound"}
_PRECONDITION = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_REFUSED = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"}


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
            "Look at its log (`sortline status --json` names that of one of ours) and its disk, "
            "then run again",
        )


def content_type(key: str) -> str:
    """What a browser takes an object for, by the ending of its key.

    >>> content_type("judged/ab12/report.html"), content_type("raw/ab12")
    ('text/html; charset=utf-8', 'application/octet-stream')
    """
    kind, packed = mimetypes.guess_type(key)
    if kind is None or packed:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _code(error: aws.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
