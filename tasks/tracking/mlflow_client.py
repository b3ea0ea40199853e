"""MLflow's own client, with bounded patience and our errors."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from ray_jobs.contract.errors import ClusterError, CredentialError
from tasks.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

# The client reads its patience from the environment. Its defaults (7 retries that double their
# wait, 120 s each) hide a dead server for minutes; Airflow retries the task as a whole.
_BEHAVIOUR = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class _Login(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str
    password: str


@contextmanager
def connect(settings: Settings) -> Generator[MlflowClient]:
    """A client of the MLflow that the settings name, for as long as the block lasts.

    Raises:
      ClusterError: it is not named, not reachable, or fails.
      CredentialError: the login cannot be read or is refused.
    """
    if settings.mlflow_uri is None:
        raise ClusterError(
            "no MLflow is named",
            "its URL in SORTLINE_MLFLOW_URI",
            "Run `sortline up`, or set the variable",
        )
    login = _login(settings.mlflow_credentials_file)
    with _environment(_BEHAVIOUR | login), _errors(settings.mlflow_uri):
        from mlflow import MlflowClient  # heavy: 2 s

        yield MlflowClient(settings.mlflow_uri, settings.mlflow_uri)


def _login(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        login = _Login.model_validate(json.loads(file.read_text()))
    except (OSError, ValueError, ValidationError) as error:
        # The file's content stays out of the message.
        raise CredentialError(
            f"MLflow's login in {file} cannot be read ({type(error).__name__})",
            'a file that holds {"username": ..., "password": ...}',
            "Run `sortline up`, or correct SORTLINE_MLFLOW_CREDENTIALS_FILE",
        ) from None
    return {
        "MLFLOW_TRACKING_USERNAME": login.username,
        "MLFLOW_TRACKING_PASSWORD": login.password,
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _errors(uri: str) -> Generator[None]:
    from mlflow.exceptions import MlflowException
    from requests import HTTPError  # what uploads of artifacts raise

    try:
        yield
    except MlflowException as error:
        raise _translated(uri, error.get_http_status_code(), error) from error
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else 500
        raise _translated(uri, status, error) from error


def _translated(uri: str, status: int, error: Exception) -> Exception:
    if status in (401, 403):
        return CredentialError(
            f"MLflow at {uri} refuses the login (HTTP {status})",
            "a user who may write experiments and models there",
            "Correct the file that SORTLINE_MLFLOW_CREDENTIALS_FILE names",
        )
    if status >= 500:  # also what the client says of a server that it cannot reach
        return ClusterError(
            f"MLflow at {uri} does not answer as it should: {str(error)[:300]}",
            "an MLflow server, up and reachable",
            "Run `sortline status`, then `sortline up`",
        )
    return error
