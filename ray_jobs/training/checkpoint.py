"""What a training needs to go on: its variables, and where it stood."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.training.outcome import TrainingState

Values = list[NDArray[Any]]

_STATE = "state.json"
_VARIABLES = "variables.npz"


def values_of(variables: Sequence[keras.Variable]) -> Values:
    """Copies of the variables, as this worker has them."""
    # A mirrored variable answers neither `.numpy()` nor `int()`.
    return [tf.convert_to_tensor(variable.value).numpy() for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Values) -> None:
    """Set the variables, in the order of `values_of`."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def digest_of(variables: Sequence[keras.Variable]) -> str:
    """sha256 over the bytes of all variables: equal on two workers if they hold the same model."""
    found = hashlib.sha256()
    for value in values_of(variables):
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def save(folder: Path, state: TrainingState, parts: dict[str, Values]) -> None:
    """Write a checkpoint: the state, and lists of arrays by name. No pickle."""
    arrays = {f"{name}.{i}": v for name, part in parts.items() for i, v in enumerate(part)}
    np.savez(folder / _VARIABLES, allow_pickle=False, **arrays)
    (folder / _STATE).write_bytes(state.to_json())


def load(folder: Path) -> tuple[TrainingState, dict[str, Values]]:
    """Read what `save` wrote."""
    state = TrainingState.from_json((folder / _STATE).read_bytes(), origin=str(folder / _STATE))
    parts: dict[str, Values] = {}
    with np.load(folder / _VARIABLES, allow_pickle=False) as arrays:
        for key in arrays.files:  # in the order they were written
            parts.setdefault(key.rpartition(".")[0], []).append(arrays[key])
    return state, parts
