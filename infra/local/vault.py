"""Where the secrets of one home lie: a private file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

USERNAME = "admin"


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
