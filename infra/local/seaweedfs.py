"""The object store: SeaweedFS's `weed mini`, on loopback, closed but for signed S3.

Its JWT keys alone protect nothing: the master hands out tokens over HTTP, and gRPC asks for no
credential. Hence all three: JWT keys, `-disableHttp`, mutual TLS on gRPC (ADR 0004).
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.local.home import PRIVATE_DIR
from infra.local.identities import MLFLOW_BUCKET
from infra.local.launch import Launch
from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.ports import LOOPBACK
from infra.local.vault import GRPC_FILES, WEED_KEYS

_JWT_VARIABLES = (
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)
_GRPC_ROLES = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT", "MSG_BROKER")


def launch(plan: Plan) -> Launch:
    """How to start the object store."""
    folder = plan.home.data(Part.SEAWEEDFS)
    folder.mkdir(exist_ok=True, mode=PRIVATE_DIR)
    # It remembers flags here and applies again those that are no longer given.
    (folder / "mini.options").unlink(missing_ok=True)
    binary = Path(sys.executable).with_name("weed")
    command = [str(binary), "-logtostderr=true", "mini", *_flags(plan, folder)]
    secrets = {
        variable: plan.vault.path(name)
        for variable, name in zip(_JWT_VARIABLES, WEED_KEYS, strict=True)
    }
    return Launch(command, _grpc_variables(plan), secrets)


def _flags(plan: Plan, folder: Path) -> list[str]:
    ports = plan.state.ports
    run = plan.home.short_run
    return [
        f"-dir={folder}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        "-disableHttp",
        f"-s3.config={plan.vault.s3_identities}",
        f"-bucket={plan.state.bucket},{MLFLOW_BUCKET}",
        f"-s3.port={ports['s3']}",
        f"-s3.port.grpc={ports['s3_grpc']}",
        f"-s3.localSocket={run / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        f"-filer.port={ports['filer']}",
        f"-filer.port.grpc={ports['filer_grpc']}",
        f"-filer.localSocket={run / 'filer.sock'}",
        f"-master.port={ports['master']}",
        f"-master.port.grpc={ports['master_grpc']}",
        "-master.telemetry=false",
        f"-volume.port={ports['volume']}",
        f"-volume.port.grpc={ports['volume_grpc']}",
        f"-admin.port={ports['admin']}",
        "-admin.ui=false",
        "-webdav=false",
    ]


def _grpc_variables(plan: Plan) -> dict[str, str]:
    authority, leaf, key = (str(plan.vault.path(name)) for name in GRPC_FILES)
    variables = {"WEED_GRPC_CA": authority}
    for role in _GRPC_ROLES:
        variables[f"WEED_GRPC_{role}_CERT"] = leaf
        variables[f"WEED_GRPC_{role}_KEY"] = key
    return variables
