"""Where each part of a stack is, whether ours or the user's; derived from what `up` settled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dags
from infra.local.home import Home
from infra.local.parts import AIRFLOW_PARTS, Part
from infra.local.ports import LOOPBACK
from infra.local.state import StackState
from infra.local.vault import Vault

DAGS_FOLDER = Path(dags.__file__).parent
PROJECT = DAGS_FOLDER.parent

# The variable that makes a part external.
EXTERNAL_ADDRESS: dict[Part, str] = {
    Part.SEAWEEDFS: "SORTLINE_S3_ENDPOINT",
    Part.RAY: "SORTLINE_RAY_ADDRESS",
    Part.MLFLOW: "SORTLINE_MLFLOW_URI",
    Part.API_SERVER: "SORTLINE_AIRFLOW_URL",
}
AIRFLOW_CREDENTIALS = "SORTLINE_AIRFLOW_CREDENTIALS_FILE"
# What of the user's environment goes with an external part: names of files and profiles.
EXTERNAL_VARIABLES: dict[Part, tuple[str, ...]] = {
    Part.SEAWEEDFS: (
        "SORTLINE_S3_PROFILE",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
    ),
    Part.RAY: ("SORTLINE_RAY_TOKEN_FILE",),
    Part.MLFLOW: ("SORTLINE_MLFLOW_CREDENTIALS_FILE",),
    Part.API_SERVER: (AIRFLOW_CREDENTIALS,),
}


@dataclass(frozen=True)
class Plan:
    """A home and what was settled for it."""

    home: Home
    state: StackState

    @property
    def vault(self) -> Vault:
        """The secrets of the home."""
        return Vault(self.home.secrets)

    def is_external(self, part: Part) -> bool:
        """Whether the user gave this part."""
        if part in AIRFLOW_PARTS:
            part = Part.API_SERVER
        return EXTERNAL_ADDRESS[part] in self.state.external

    def local_parts(self) -> list[Part]:
        """The parts that are ours to start."""
        return [part for part in Part if not self.is_external(part)]

    def external_parts(self) -> list[Part]:
        """The parts that are the user's; an external Airflow counts once."""
        return [part for part in EXTERNAL_ADDRESS if self.is_external(part)]

    def url(self, name: str, part: Part) -> str:
        """The address of a part: the user's, or that of our port `name`."""
        given = self.state.external.get(EXTERNAL_ADDRESS[part])
        if given:
            return given.rstrip("/")
        return f"http://{LOOPBACK}:{self.state.ports[name]}" if name in self.state.ports else ""

    @property
    def s3_endpoint(self) -> str:
        """URL of the object store."""
        return self.url("s3", Part.SEAWEEDFS)

    @property
    def ray_address(self) -> str:
        """URL of Ray's dashboard, which answers the Jobs API."""
        return self.url("dashboard", Part.RAY)

    @property
    def mlflow_uri(self) -> str:
        """URL of MLflow."""
        return self.url("mlflow", Part.MLFLOW)

    @property
    def airflow_url(self) -> str:
        """URL of Airflow's API server."""
        return self.url("airflow", Part.API_SERVER)

    def address(self, part: Part) -> str:
        """The address that stands for a part; for Airflow's other processes that of its API."""
        addresses = {
            Part.SEAWEEDFS: self.s3_endpoint,
            Part.RAY: self.ray_address,
            Part.MLFLOW: self.mlflow_uri,
        }
        return addresses.get(part, self.airflow_url)

    @property
    def aws_credentials(self) -> Path:
        """The shared credentials file with the identities of the object store."""
        if not self.is_external(Part.SEAWEEDFS):
            return self.vault.aws_credentials
        given = self.state.external.get("AWS_SHARED_CREDENTIALS_FILE")
        return Path(given) if given else Path.home() / ".aws" / "credentials"

    @property
    def ray_aws_credentials(self) -> Path:
        """The one that a Ray of ours gives to its jobs."""
        if self.is_external(Part.SEAWEEDFS):
            return self.aws_credentials
        return self.vault.ray_aws_credentials

    @property
    def ray_token_file(self) -> Path | None:
        """File with Ray's token; None where an external Ray asks for none."""
        if not self.is_external(Part.RAY):
            return self.vault.ray_token
        return self._given_file("SORTLINE_RAY_TOKEN_FILE")

    @property
    def mlflow_credentials_file(self) -> Path | None:
        """File with MLflow's login; None where an external MLflow asks for none."""
        if not self.is_external(Part.MLFLOW):
            return self.vault.mlflow_credentials
        return self._given_file("SORTLINE_MLFLOW_CREDENTIALS_FILE")

    @property
    def airflow_credentials_file(self) -> Path | None:
        """File with an external Airflow's login."""
        return self._given_file(AIRFLOW_CREDENTIALS)

    def _given_file(self, variable: str) -> Path | None:
        given = self.state.external.get(variable)
        return Path(given) if given else None
