"""Ask a part over HTTP, and say whose fault it is if it does not answer well."""

from __future__ import annotations

import functools
import json
import threading
from pathlib import Path
from typing import Any

import httpx

from infra.local.parts import Part
from infra.local.ports import LOOPBACK
from ray_jobs.contract.errors import ClusterError, CredentialError

TIMEOUT_S = 5.0
_MAKING = threading.Lock()
_REFUSED = {401, 403}
_CREDENTIALS: dict[Part, tuple[str, ...]] = {
    Part.SEAWEEDFS: ("AWS_SHARED_CREDENTIALS_FILE", "SORTLINE_S3_PROFILE"),
    Part.RAY: ("SORTLINE_RAY_TOKEN_FILE",),
    Part.MLFLOW: ("SORTLINE_MLFLOW_CREDENTIALS_FILE",),
    Part.API_SERVER: ("SORTLINE_AIRFLOW_CREDENTIALS_FILE",),
}


@functools.cache
def _made() -> httpx.Client:
    # One for all: making one loads the machine's certificates, 50 ms of a core that parts need.
    # Loopback is never asked through a proxy, whatever the user's environment says.
    return httpx.Client(timeout=TIMEOUT_S, mounts={f"all://{LOOPBACK}": None})


def _client() -> httpx.Client:
    # Parts are asked by threads: two that came first would make two, and leave one open for ever.
    with _MAKING:
        return _made()


def ask(part: Part, method: str, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
    """Send a request, and return the answer if it is a good one.

    Args:
      part: whom we ask, for the message.
      method: HTTP method.
      url: its address.
      **options: what httpx takes (`headers`, `auth`, `json`).

    Raises:
      CredentialError: 401 or 403.
      ClusterError: another failure, or no answer.
    """
    try:
        answer = _client().request(method, url, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unwell(part, url, str(error) or type(error).__name__) from error
    if answer.status_code in _REFUSED:
        raise refused(part, url, f"HTTP {answer.status_code}")
    if not answer.is_success:
        raise unwell(part, url, f"HTTP {answer.status_code}")
    return answer


def refused(part: Part, address: str, reason: str) -> CredentialError:
    """The part knows our credential not, or there is none."""
    return CredentialError(
        f"{part} at {address} refuses our credential ({reason})",
        "a key, token or password that is known there",
        f"Correct what names it: {', '.join(_CREDENTIALS[part])}",
    )


def unwell(part: Part, address: str, reason: str) -> ClusterError:
    """The part does not answer, or not well."""
    return ClusterError(
        f"{part} at {address} does not work: {reason}",
        "a part that is up and healthy",
        "Look at its log (`sortline status --json` names ours), or correct its address",
    )


def bearer(part: Part, token_file: Path | None) -> dict[str, str]:
    """The header that carries a token; none where there is no file."""
    if token_file is None:
        return {}
    return {"Authorization": f"Bearer {_read(part, token_file).strip()}"}


def login(part: Part, path: Path) -> tuple[str, str]:
    """User name and password from a file `{"username": ..., "password": ...}`.

    Raises:
      CredentialError: the file is not there, or not of this form.
    """
    try:
        document = json.loads(_read(part, path))
        return str(document["username"]), str(document["password"])
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialError(
            f"{path} holds no login",
            'JSON: {"username": ..., "password": ...}',
            f"Correct the file that {_CREDENTIALS[part][0]} names",
        ) from error


def _read(part: Part, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CredentialError(
            f"{path} cannot be read ({error.strerror})",
            f"a file with the credential of {part}",
            f"Correct {_CREDENTIALS[part][0]}",
        ) from error
