"""A file of weights from outside: from a web server, the disk, or elsewhere in the bucket.

For the driver alone, once a training. No TensorFlow here, and no more than `LIMIT_BYTES` of memory.
"""

from __future__ import annotations

import io
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx

from ray_jobs.contract.errors import ClusterError, DataError, SpecError
from ray_jobs.storage import Store

LIMIT_BYTES = 2 * 2**30
_TIMEOUT = httpx.Timeout(30.0, read=120.0)
_CHUNK_BYTES = 2**20
_SHOWN = re.compile(r"(\w+://)(?:[^/]*@)?([^?#]*)")


def read(store: Store, uri: str) -> bytes:
    """The bytes at an `s3://`, `http(s)://` or `file://` address.

    Raises:
      SpecError: nothing lies there, it is refused, or it lies where nobody here may read.
      DataError: it is larger than `LIMIT_BYTES`.
      ClusterError: the other side does not answer.
    """
    scheme = uri.partition("://")[0]
    if scheme == "s3":
        return _from_bucket(store, uri)
    if scheme == "file":
        return _from_disk(uri)
    return over_http(
        uri,
        expectation="a way to it from where the driver runs",
        remedy=f"Put the file below {store.uri('weights/')} and pass its s3:// address",
    )


def over_http(url: str, *, expectation: str, remedy: str) -> bytes:
    """The body of a GET.

    Args:
      url: of the file; what it says of a user or a token is told to nobody.
      expectation: of the error that is raised where it cannot be fetched.
      remedy: of the same.

    Raises:
      SpecError: the server refuses it (4xx), or the address is none.
      DataError: it is larger than `LIMIT_BYTES`.
      ClusterError: the server does not answer, or fails.
    """
    fact = f"{shown(url)} cannot be fetched"
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as answer:
            if answer.is_error:
                kind = SpecError if answer.is_client_error else ClusterError
                raise kind(f"{fact}: status {answer.status_code}", expectation, remedy)
            return _within_limit(answer.iter_bytes(_CHUNK_BYTES), shown(url))
    except httpx.InvalidURL as error:
        raise SpecError(f"{fact}: it is no address", expectation, remedy) from error
    except httpx.HTTPError as error:
        told = f"{type(error).__name__}: {error}"
        raise ClusterError(f"{fact}: {told}", expectation, remedy) from error


def shown(uri: str) -> str:
    """An address without user, password and query, which may hold a token.

    >>> shown("https://me:secret@host:8080/b0.weights.h5?token=secret")
    'https://host:8080/b0.weights.h5'
    """
    found = _SHOWN.match(uri)
    return "".join(found.groups()) if found else "the address"


def _from_bucket(store: Store, uri: str) -> bytes:
    bucket = store.uri("")
    if not uri.startswith(bucket):
        raise SpecError(
            f"{uri} lies in another bucket",
            f"an object in {bucket}, for which there are credentials",
            f"Copy it below {store.uri('weights/')} and pass the address there",
        )
    key = uri.removeprefix(bucket)
    found = next(store.listed(key), None)
    if found is None or found.key != key:
        raise SpecError(f"{uri} does not exist", "a .weights.h5 there", "Correct the address")
    if found.size_bytes > LIMIT_BYTES:
        raise _too_large(uri)
    return store.get(key)


def _from_disk(uri: str) -> bytes:
    host, _, below = uri.removeprefix("file://").partition("/")
    path = Path("/", unquote(below))
    try:
        if host not in {"", "localhost"} or not path.is_file():
            raise _not_here(uri, "is no file")
        with path.open("rb") as stream:
            return _within_limit(_chunks(stream), uri)
    except OSError as error:
        raise _not_here(uri, f"cannot be read ({error.strerror})") from error


def _chunks(stream: io.BufferedReader) -> Iterator[bytes]:
    return iter(lambda: stream.read(_CHUNK_BYTES), b"")


def _within_limit(chunks: Iterable[bytes], where: str) -> bytes:
    kept = io.BytesIO()
    for chunk in chunks:
        kept.write(chunk)
        if kept.tell() > LIMIT_BYTES:
            raise _too_large(where)
    return kept.getvalue()


def _too_large(where: str) -> DataError:
    return DataError(
        f"{where} is larger than {LIMIT_BYTES:,} bytes",
        "the weights of one network",
        "Name a smaller file, without the state of an optimizer",
    )


def _not_here(uri: str, fact: str) -> SpecError:
    return SpecError(
        f"{uri} {fact} on {platform.node()}, where the driver runs",
        "a file that the driver may read there",
        "Copy it to that machine, or into the bucket and pass its s3:// address",
    )
