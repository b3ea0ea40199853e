"""The secrets of one home: generated at the first start, a private file each, never shown."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.local.certificates import new_certificates
from infra.local.home import write_private
from infra.local.identities import (
    ADMIN,
    IDENTITIES,
    MLFLOW,
    RIGHTS,
    KeyPair,
    new_keys,
    parse_credentials,
    render_credentials,
    render_seaweedfs,
)

USERNAME = "admin"
RAY_CONNECTION = "ray_default"
# A job on Ray runs whatever a recipe says: it never holds the keys that move a champion.
_ON_RAY = ("train", "export", "evaluate", "serve")


@dataclass(frozen=True)
class Vault:
    """Names of the secret files below one folder."""

    folder: Path

    def path(self, name: str) -> Path:
        """Where a secret lies."""
        return self.folder / name

    def read(self, name: str) -> str:
        """A secret's text."""
        return self.path(name).read_text(encoding="utf-8")

    @property
    def aws_credentials(self) -> Path:
        """The shared credentials file of this machine's user and of Airflow: a profile a step."""
        return self.path("aws-credentials")

    @property
    def ray_aws_credentials(self) -> Path:
        """The one that Ray's jobs find: the profiles of the steps that run there."""
        return self.path("aws-credentials-ray")

    @property
    def mlflow_aws_credentials(self) -> Path:
        """The one of the MLflow server, for its own bucket."""
        return self.path("aws-credentials-mlflow")

    @property
    def s3_identities(self) -> Path:
        """What SeaweedFS knows: every key and its rights."""
        return self.path("s3-identities.json")

    @property
    def ray_token(self) -> Path:
        """Ray's token."""
        return self.path("ray-token")

    @property
    def mlflow_credentials(self) -> Path:
        """`{"username": ..., "password": ...}` of MLflow's administrator."""
        return self.path("mlflow-credentials.json")

    @property
    def airflow_passwords(self) -> Path:
        """`{"admin": ...}`, as Airflow's simple auth manager reads it."""
        return self.path("airflow-passwords.json")

    @property
    def airflow_connections(self) -> Path:
        """The connections that Airflow's tasks and triggers find."""
        return self.path("airflow-connections.json")


WEED_KEYS = ("weed-jwt-write", "weed-jwt-read", "weed-jwt-filer-write", "weed-jwt-filer-read")
GRPC_FILES = ("grpc-authority.pem", "grpc-leaf.pem", "grpc-leaf-key.pem")


def _password_document() -> str:
    return json.dumps({"username": USERNAME, "password": secrets.token_hex(16)})


def _airflow_document() -> str:
    return json.dumps({USERNAME: secrets.token_hex(16)})


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


_GENERATORS: dict[str, Callable[[], str]] = {
    **dict.fromkeys(WEED_KEYS, lambda: secrets.token_hex(32)),
    "ray-token": lambda: secrets.token_hex(32),
    "mlflow-credentials.json": _password_document,
    "mlflow-flask-key": lambda: secrets.token_hex(32),
    "airflow-fernet-key": _fernet_key,
    "airflow-jwt-secret": lambda: secrets.token_hex(32),
    "airflow-api-secret": lambda: secrets.token_hex(32),
    "airflow-passwords.json": _airflow_document,
}


def fill_vault(vault: Vault, *, bucket: str) -> None:
    """Generate what is missing and bring the object store's rights up to date."""
    for name, generate in _GENERATORS.items():
        if not vault.path(name).exists():
            write_private(vault.path(name), generate())
    if not all(vault.path(name).exists() for name in GRPC_FILES):
        for name, text in zip(GRPC_FILES, new_certificates(), strict=True):
            write_private(vault.path(name), text)
    keys = _keys(vault)
    write_private(vault.s3_identities, render_seaweedfs(keys, bucket))
    write_private(vault.aws_credentials, render_credentials(keys, (*RIGHTS, ADMIN)))
    write_private(vault.ray_aws_credentials, render_credentials(keys, _ON_RAY))
    write_private(vault.mlflow_aws_credentials, render_credentials(keys, (MLFLOW,)))


def _keys(vault: Vault) -> dict[str, KeyPair]:
    known: dict[str, KeyPair] = {}
    for path in (vault.aws_credentials, vault.mlflow_aws_credentials):
        if path.exists():
            known |= parse_credentials(path.read_text(encoding="utf-8"))
    fresh = new_keys()
    return {name: known.get(name, fresh[name]) for name in IDENTITIES}


def write_connections(vault: Vault, *, ray_address: str, token_file: Path | None) -> None:
    """Write the Airflow connection to Ray, with its token where it asks for one."""
    connection = {"conn_type": "ray", "host": ray_address}
    if token_file is not None:
        connection["password"] = token_file.read_text(encoding="utf-8").strip()
    write_private(vault.airflow_connections, json.dumps({RAY_CONNECTION: connection}))
