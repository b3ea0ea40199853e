"""Generate the secrets of a home at its first start, and the object store's rights each time."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
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
from infra.local.vault import GRPC_FILES, USERNAME, WEED_KEYS, Vault

RAY_CONNECTION = "ray_default"
# A job on Ray runs whatever a recipe says: it never holds the keys that move a champion.
ON_RAY = ("train", "export", "evaluate")


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
    write_private(vault.ray_aws_credentials, render_credentials(keys, ON_RAY))
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
