"""What a training needs to go on: its variables, and where it stood."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ray_jobs.contract.document import Document, digest
from ray_jobs.contract.errors import DataError
from ray_jobs.contract.run import RunSpec
from ray_jobs.training.outcome import TrainingState

Values = list[NDArray[Any]]
Parts = dict[str, Values]

_SEAL = "checkpoint.json"
_VARIABLES = "variables.npz"
_LAYOUT = 2


class Seal(Document):
    """`checkpoint.json`: where the training stood, and what must lie beside it.

    `layout` says which parts the variables have: 2 has `masks`, 1 had them in `net`, not all.
    """

    layout: int = 1
    state: TrainingState
    identity: str
    variables_sha256: str


def values_of(variables: Sequence[keras.Variable]) -> Values:
    """Copies of the variables, as this worker has them."""
    # A mirrored variable answers neither `.numpy()` nor `int()`.
    return [tf.convert_to_tensor(variable.value).numpy() for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Values) -> None:
    """Set the variables, in the order of `values_of`."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def averages_of(optimizer: keras.optimizers.Optimizer) -> Values:
    """The averages that an optimizer keeps of its variables, in their order.

    Keras has a method that sets the variables to them, but none that leaves the way back open.
    """
    averages = cast("Any", optimizer)._model_variables_moving_average
    return values_of(cast("list[keras.Variable]", averages))


def digest_of(variables: Sequence[keras.Variable]) -> str:
    """sha256 over the bytes of all variables: equal on two workers if they hold the same model."""
    found = hashlib.sha256()
    for value in values_of(variables):
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def identity_of(spec: RunSpec, classes: Sequence[str]) -> str:
    """Digest of what a checkpoint must share with the training that goes on from it."""
    whole = {"recipe": spec.recipe.model_dump(mode="json"), "seed": spec.seed}
    return digest(whole | {"manifest": spec.manifest.key, "classes": list(classes)})


def save(folder: Path, state: TrainingState, parts: Parts, identity: str) -> None:
    """Write a checkpoint: lists of arrays by name, then what they are. No pickle."""
    arrays = {f"{name}.{i}": v for name, part in parts.items() for i, v in enumerate(part)}
    np.savez(folder / _VARIABLES, allow_pickle=False, **arrays)
    seal = Seal(
        layout=_LAYOUT,
        state=state,
        identity=identity,
        variables_sha256=_sha256(folder / _VARIABLES),
    )
    (folder / _SEAL).write_bytes(seal.to_json())


def load(folder: Path, identity: str) -> tuple[TrainingState, Parts]:
    """Read what `save` wrote.

    Raises:
      DataError: it is not whole, of another recipe, seed, data set version or label set, or of
        another version of Sortline.
    """
    path = folder / _SEAL
    if not path.exists():
        raise _refused(folder, f"it has no {_SEAL}")
    seal = Seal.from_json(path.read_bytes(), origin=str(path))
    if seal.layout != _LAYOUT:
        raise _refused(folder, f"its layout is {seal.layout}, of another version of Sortline")
    if seal.identity != identity:
        raise _refused(folder, "it is of another recipe, seed, data set version or label set")
    if not (variables := folder / _VARIABLES).exists() or (
        _sha256(variables) != seal.variables_sha256
    ):
        raise _refused(folder, f"{_VARIABLES} is not what was written")
    parts: Parts = {}
    with np.load(variables, allow_pickle=False) as arrays:
        for key in arrays.files:  # in the order they were written
            parts.setdefault(key.rpartition(".")[0], []).append(arrays[key])
    return seal.state, parts


def _refused(folder: Path, why: str) -> DataError:
    return DataError(f"checkpoint {folder.name}: {why}", "a whole one of this run", "Train anew")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
