"""A file at an http(s) address."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import httpx

from ray_jobs.contract.errors import ClusterError, CredentialError, SortlineError, SpecError
from tasks.sources.address import Address
from tasks.sources.fetching.remote import Coming, Told

TIMEOUT_S = 30.0
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_AGAIN = {408, 425, 429}


class WebFile:
    """One file of a web server. A HEAD is never sent: an address signed for GET refuses it."""

    def __init__(self, address: Address) -> None:
        self.key = address.uri
        self.name = address.public

    def look(self) -> Told:
        """Size and version, from the headers of a GET whose body is not read."""
        with self.opened(0, Told(None, None)) as coming:
            return coming.told

    @contextmanager
    def opened(self, start: int, told: Told) -> Generator[Coming]:
        """Its bytes from `start` on, or from 0 where the server does not do as asked."""
        headers = {"Accept-Encoding": "identity"}
        if start and told.version:
            headers |= {"Range": f"bytes={start}-", "If-Range": told.version}
        client = httpx.Client(follow_redirects=True, timeout=TIMEOUT_S)
        try:
            with client, client.stream("GET", self.key, headers=headers) as answer:
                self._refuse_failure(answer)
                yield _coming(answer)
        except httpx.InvalidURL as error:
            raise SpecError(
                f"{self.name} is no address: {error}", "http:// or https://", "Correct it"
            ) from error
        except httpx.HTTPError as error:
            raise ClusterError(
                f"{self.name} does not answer: {str(error) or type(error).__name__}",
                "the whole file",
                "Check the address and the network, then run the ingest again: it goes on there",
            ) from error

    def _refuse_failure(self, answer: httpx.Response) -> None:
        if answer.status_code in {200, 206}:
            return
        raise self._failure(answer.status_code)

    def _failure(self, status: int) -> SortlineError:
        fact = f"{self.name} answers HTTP {status}"
        if status in {401, 403, 407}:
            remedy = "Use an address that is open, or signed and not expired"
            return CredentialError(fact, "leave to read it", remedy)
        if status in _AGAIN or status >= 500:
            return ClusterError(fact, "the file", "Run the ingest again later")
        return SpecError(fact, "the file, at this address", "Correct the address")


def _coming(answer: httpx.Response) -> Coming:
    length = answer.headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else None
    start = 0
    if answer.status_code == 206:
        part = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        start = int(part[1]) if part else 0
        size = int(part[2]) if part and part[2].isdigit() else None
    return Coming(start, Told(size, _version(answer.headers)), answer.iter_raw(2**20))


def _version(headers: httpx.Headers) -> str | None:
    """What `If-Range` takes: a strong tag, or else the time of the last change."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified")
