"""The address of a source: what it names, and what of it may be written down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ray_jobs.contract.errors import SpecError
from tasks.names import slug

SAMPLE = "sample:"
EXPECTED = f"'{SAMPLE}', a path on the machine where the ingest runs, s3://, http:// or https://"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_ENDINGS = re.compile(r"(\.(zip|tar|tgz|tbz2?|txz|gz|bz2|xz|csv|tsv|jsonl))+$", re.IGNORECASE)


class Place(StrEnum):
    """Where a source lies."""

    SAMPLE = "sample"
    LOCAL = "local"
    S3 = "s3"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Address:
    """An address that is known to be one.

    Attributes:
      place: where it leads.
      uri: the address itself, without a fragment; a signed one is a secret.
      public: what may be written down: no query, no fragment.
      sha256: what the file must have, where the address says so.
    """

    place: Place
    uri: str
    public: str
    sha256: str | None = None

    @property
    def path(self) -> Path:
        """The path of a local one."""
        return Path(self.uri)

    def dataset_name(self) -> str:
        """Its last part, made plain. Raises SpecError where nothing is left."""
        last = unquote(self.public.rstrip("/").rpartition("/")[2])
        name = slug(_ENDINGS.sub("", last))
        if name:
            return name
        raise SpecError(
            f"no data set name can be made of '{last}'",
            "a source whose name holds a letter of a-z or a digit, or a name that is given",
            "Name the data set with --name",
        )


def parse(uri: str) -> Address:
    """What an address names; nothing is opened.

    >>> parse("https://example.org/waste.zip?signature=x").public
    'https://example.org/waste.zip'

    Raises:
      SpecError: it is no address of a source, or carries a login.
    """
    if uri.startswith(SAMPLE):
        return _sample(uri)
    scheme = _SCHEME.match(uri)
    if scheme is None or is_here(uri):
        return _local(uri)
    if scheme[1].lower() == "s3":
        return _s3(uri, _parts(uri))
    if scheme[1].lower() in {"http", "https"}:
        return _http(uri, _parts(uri))
    raise SpecError(
        f"'{uri}': sources of the scheme '{scheme[1]}:' are not read", EXPECTED, "Copy the photos"
    )


def is_here(path: str) -> bool:
    """Whether a path leads to something on this machine; what can be no path does not."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # longer than a name may be, say: a signed address
        return False


def _local(uri: str) -> Address:
    try:
        path = Path(uri).expanduser().resolve().as_posix() if uri else ""
    except (RuntimeError, OSError, ValueError) as error:
        raise SpecError(f"{uri!r} is no path: {error}", EXPECTED, "Correct the path") from error
    return Address(Place.LOCAL, path, path)


def _sample(uri: str) -> Address:
    if uri != SAMPLE:
        raise SpecError(
            f"'{uri}' is not the address of the sample",
            f"'{SAMPLE}', with nothing behind the colon",
            f"Pass {SAMPLE}",
        )
    return Address(Place.SAMPLE, uri, uri)


def _s3(uri: str, parts: SplitResult) -> Address:
    if parts.query or parts.fragment:
        raise SpecError(
            f"'{parts.scheme}://{parts.netloc}{parts.path}' is followed by '?' or '#'",
            "s3://BUCKET or s3://BUCKET/PREFIX, nothing behind it",
            "Name the objects without these characters",
        )
    return Address(Place.S3, uri, uri)


def _http(uri: str, parts: SplitResult) -> Address:
    public = parts._replace(query="", fragment="").geturl()
    sha256 = _SHA256.fullmatch(parts.fragment)
    if parts.fragment and sha256 is None:
        raise SpecError(
            f"{public} is followed by '#{parts.fragment[:80]}'",
            "nothing, or #sha256= and 64 hex digits in small letters",
            "Correct the end of the address",
        )
    whole = parts._replace(fragment="").geturl()
    return Address(Place.HTTP, whole, public, sha256[1] if sha256 else None)


def _parts(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise SpecError(f"the source is no address: {error}", EXPECTED, "Correct it") from error
    if parts.username is not None or parts.password is not None:
        raise SpecError(
            f"the address of the source at '{parts.hostname}' carries a login",
            "an address without user name and password, which logs would show",
            "Put the keys of a bucket into the Airflow connection sortline_source; of a web "
            "server, use a signed address that expires",
        )
    if not parts.netloc or not parts.hostname:
        raise SpecError(f"'{uri}' names no bucket and no host", EXPECTED, "Correct the address")
    return parts
