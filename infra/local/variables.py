"""The variables by which a process finds the parts: addresses and file names, no secret."""

from __future__ import annotations

from pathlib import Path

from infra.local.plan import Plan

REGION = "us-east-1"


def object_store_variables(plan: Plan, credentials: Path) -> dict[str, str]:
    """How boto3 and pyarrow find the object store; file names and addresses alone."""
    variables = {
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_ENDPOINT_URL": plan.s3_endpoint,
        "AWS_DEFAULT_REGION": plan.state.external.get("AWS_DEFAULT_REGION", REGION),
        "AWS_EC2_METADATA_DISABLED": "true",
        "SORTLINE_BUCKET": plan.state.bucket,
        "SORTLINE_S3_ENDPOINT": plan.s3_endpoint,
    }
    # The user's own profiles say nothing about a store of ours.
    variables["AWS_CONFIG_FILE"] = plan.state.external.get("AWS_CONFIG_FILE", "/dev/null")
    for name in ("SORTLINE_S3_PROFILE", "AWS_PROFILE"):
        if name in plan.state.external:
            variables[name] = plan.state.external[name]
    return variables


def client_variables(plan: Plan) -> dict[str, str]:
    """What a process on this machine needs to reach every part."""
    variables = object_store_variables(plan, plan.aws_credentials) | {
        "SORTLINE_HOME": str(plan.home.root),
        "SORTLINE_RAY_ADDRESS": plan.ray_address,
        "SORTLINE_MLFLOW_URI": plan.mlflow_uri,
        "SORTLINE_CODE_VERSION": plan.state.code_version,
    }
    files = {
        "SORTLINE_RAY_TOKEN_FILE": plan.ray_token_file,
        "SORTLINE_MLFLOW_CREDENTIALS_FILE": plan.mlflow_credentials_file,
    }
    return variables | {name: str(path) for name, path in files.items() if path is not None}
