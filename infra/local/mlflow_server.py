"""MLflow: registry and run tracking on SQLite, artifacts proxied to the object store."""

from __future__ import annotations

import configparser
import io
import json
from pathlib import Path

from infra.local.home import PRIVATE_DIR, write_private
from infra.local.identities import MLFLOW, MLFLOW_BUCKET
from infra.local.launch import Launch, module
from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.ports import LOOPBACK
from infra.local.variables import object_store_variables
from infra.local.vault import USERNAME


def launch(plan: Plan) -> Launch:
    """How to start the server."""
    folder = plan.home.data(Part.MLFLOW)
    folder.mkdir(exist_ok=True, mode=PRIVATE_DIR)
    port = plan.state.ports["mlflow"]
    flags = [
        "--app-name=basic-auth",
        f"--backend-store-uri=sqlite:///{folder / 'mlflow.db'}",
        "--serve-artifacts",
        f"--artifacts-destination={_artifacts(plan)}",
        f"--host={LOOPBACK}",
        f"--port={port}",
        f"--allowed-hosts={LOOPBACK}:{port},localhost:{port}",
        "--workers=1",
    ]
    secrets = {"MLFLOW_FLASK_SERVER_SECRET_KEY": plan.vault.path("mlflow-flask-key")}
    return Launch(module("mlflow", "server", *flags), _variables(plan, folder), secrets)


def _artifacts(plan: Plan) -> str:
    if plan.is_external(Part.SEAWEEDFS):
        return f"s3://{plan.state.bucket}/mlflow/artifacts"
    return f"s3://{MLFLOW_BUCKET}/artifacts"


def _variables(plan: Plan, folder: Path) -> dict[str, str]:
    if plan.is_external(Part.SEAWEEDFS):
        store = object_store_variables(plan, plan.aws_credentials)
        profile = plan.state.external.get("SORTLINE_S3_PROFILE")
        store |= {"AWS_PROFILE": profile} if profile else {}
    else:
        store = object_store_variables(plan, plan.vault.mlflow_aws_credentials)
        store |= {"AWS_PROFILE": MLFLOW}
    return store | {
        "MLFLOW_S3_ENDPOINT_URL": plan.s3_endpoint,
        "MLFLOW_AUTH_CONFIG_PATH": str(_auth_file(plan, folder)),
        # Its job runners would be eight more processes and 1.1 GB, for features not used here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _auth_file(plan: Plan, folder: Path) -> Path:
    """Write the settings of its login, the first password among them, to a private file."""
    ini = configparser.ConfigParser(interpolation=None)
    ini["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": f"sqlite:///{folder / 'auth.db'}",
        "admin_username": USERNAME,
        "admin_password": json.loads(plan.vault.mlflow_credentials.read_bytes())["password"],
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        # A check of the password costs a slow hash on purpose: once a minute is enough.
        "auth_cache_ttl_seconds": "60",
    }
    text = io.StringIO()
    ini.write(text)
    path = plan.vault.path("mlflow-auth.ini")
    write_private(path, text.getvalue())
    return path
