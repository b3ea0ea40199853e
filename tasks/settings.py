"""Where the parts are: one frozen value, read from `SORTLINE_*` variables at the border."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from ray_jobs.storage import ObjectStore, connect

# Airflow Variables: what scheduled and announced runs act on.
DATASET_VARIABLE = "sortline_dataset"
RECIPE_VARIABLE = "sortline_recipe"
# What a candidate must reach to become champion: a JSON object of `Policy`'s keys.
POLICY_VARIABLE = "sortline_policy"
# Where neither an order nor the Variable names one: the best that CPUs train within the hour.
DEFAULT_RECIPE = "lite0_finetune"
# Airflow's pool: as many trainings at once as the cluster can take. `sortline up` makes it.
TRAINING_POOL = "ray_training"


class Settings(BaseModel):
    """Addresses and names; credentials stay in files (AWS_SHARED_CREDENTIALS_FILE and those here).

    A part whose address is given by the user (`SORTLINE_S3_ENDPOINT`, `SORTLINE_RAY_ADDRESS`,
    `SORTLINE_MLFLOW_URI`) is external: it is checked, never started. The one-machine stack sets
    the same variables for the processes that it starts.
    """

    model_config = ConfigDict(frozen=True)

    bucket: str = "sortline"
    s3_endpoint: str | None = None
    s3_profile: str | None = None
    ray_address: str | None = None
    ray_token_file: Path | None = None
    mlflow_uri: str | None = None
    mlflow_credentials_file: Path | None = None
    code_version: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read `SORTLINE_<FIELD>` for every field; empty means not given."""
        given = {name: env.get(f"SORTLINE_{name.upper()}") for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in given.items() if value})

    def store(self, profile: str) -> ObjectStore:
        """The bucket, as the identity `profile` (`ingest`, `judge`, `serve`) may use it.

        Where a team has one identity for all (`SORTLINE_S3_PROFILE`), that one is used.
        """
        profile = self.s3_profile or profile
        return connect(self.bucket, endpoint=self.s3_endpoint, profile=profile)
