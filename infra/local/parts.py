"""The closed list of parts, and what a command shows of one."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Part(StrEnum):
    """A process that the supervisor keeps alive, the slowest to start first."""

    MLFLOW = "mlflow"
    RAY = "ray"
    SEAWEEDFS = "seaweedfs"
    SCHEDULER = "airflow-scheduler"
    TRIGGERER = "airflow-triggerer"
    DAG_PROCESSOR = "airflow-dag-processor"
    API_SERVER = "airflow-api-server"


AIRFLOW_PARTS = (Part.SCHEDULER, Part.TRIGGERER, Part.DAG_PROCESSOR, Part.API_SERVER)
MIGRATION = "airflow-migrate"


class PartStatus(BaseModel):
    """One part, as `--json` prints it.

    Attributes:
      name: of `Part`.
      address: where it answers; empty before the first start.
      healthy: whether it answered well.
      external: whether it is the user's own.
      reason: what is wrong; None where nothing is.
      log: the file of its log; None where it is the user's own.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    address: str
    healthy: bool
    external: bool
    reason: str | None
    log: str | None
