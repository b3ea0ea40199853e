"""What MLflow shows of a model's inputs and outputs: the file `MLmodel` of a version."""

from __future__ import annotations

from typing import Any

import yaml


def describe(mlflow_run_id: str, folder: str, *, image_px: int, classes: int) -> str:
    """The text of `MLmodel`, in YAML: images in, probabilities out.

    It names no flavour: the model itself lies in our bucket, and MLflow cannot load it.

    Args:
      mlflow_run_id: the MLflow run whose artifact it becomes.
      folder: the run's artifact folder that holds it.
      image_px: side of the square image.
      classes: how many probabilities an image gets.
    """
    # MLflow's `ModelSignature` wants pandas, which the Airflow image lacks; its parts do not.
    signature = {
        "inputs": _schema("images", (-1, image_px, image_px, 3)),
        "outputs": _schema("probabilities", (-1, classes)),
        "params": None,
    }
    told: dict[str, Any] = {"artifact_path": folder, "run_id": mlflow_run_id, "flavors": {}}
    return yaml.safe_dump(told | {"signature": signature}, sort_keys=True)


def _schema(name: str, shape: tuple[int, ...]) -> str:
    import numpy as np
    from mlflow.types import Schema, TensorSpec

    return Schema([TensorSpec(np.dtype(np.float32), shape, name)]).to_json()
