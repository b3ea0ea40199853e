"""A `.weights.h5` as Sortline publishes it: what is in it, and whether it fits a network.

A whole classifier holds its backbone's layers, and its head as the one network inside. Names are
by kind and number, `layers/conv2d_1/vars/0`, as Keras makes them (`_save_container_state` of its
`saving_lib`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import h5py
import keras
from keras.src.utils.naming import to_snake_case

from ray_jobs.contract.errors import DataError

HEAD = "layers/functional/"

Shape = tuple[int, ...]


def shapes_in(path: Path) -> dict[str, Shape]:
    """The shape of every variable in a file, by its name there.

    Raises:
      DataError: it is no HDF5.
    """
    found: dict[str, Shape] = {}

    def note(name: str, item: object) -> None:
        # One whose numbers lie in other files is none of ours.
        if isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual:
            found[name] = item.shape

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error}",
            "a .weights.h5 that Keras wrote",
            "Save it anew with `model.save_weights`",
        ) from error
    return found


def misfit(network: keras.Model, shapes: Mapping[str, Shape]) -> str | None:
    """The first variable of a network for which a file has none of its shape; None where it fits.

    A variable that the network lacks is a misfit too.
    """
    own = dict(_variables(network, "layers/"))
    for name, variable in own.items():
        if shapes.get(name) != tuple(variable.shape):
            held = shapes.get(name, "nothing")
            return f"{variable.path} has shape {tuple(variable.shape)}, the file {held} ({name})"
    more = sorted(shapes.keys() - own.keys())
    return f"the file has {more[0]} {shapes[more[0]]}, the network has not" if more else None


def _variables(network: keras.Model, prefix: str) -> Iterator[tuple[str, keras.Variable]]:
    seen: Counter[str] = Counter()
    for layer in network.layers:
        kind = to_snake_case(type(layer).__name__)
        name = f"{prefix}{kind}_{seen[kind]}" if seen[kind] else f"{prefix}{kind}"
        seen[kind] += 1
        if isinstance(layer, keras.Model):
            yield from _variables(layer, f"{name}/layers/")
        else:
            own: dict[str, Any] = {}
            layer.save_own_variables(own)
            yield from ((f"{name}/vars/{key}", cast("keras.Variable", own[key])) for key in own)
