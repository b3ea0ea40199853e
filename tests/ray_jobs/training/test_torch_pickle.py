"""The pickle reader takes tensors, and nothing else."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from ray_jobs.contract.errors import DataError
from ray_jobs.training.models.torch_pickle import read_tensors

HEADER = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))


class Storage:
    """Stands for a torch storage while a test writes one."""


class Tensor:
    """Pickles as torch's tensors do."""

    def __init__(self, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.parts = (Storage(), offset, shape, stride, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.parts


def _rebuild_tensor_v2(*_: object) -> None:
    raise AssertionError("the reader must not call what the file names")


class FloatStorage:
    """Its name, below, is torch's."""


_rebuild_tensor_v2.__module__ = "torch._utils"
FloatStorage.__module__ = "torch"


class Pickler(pickle._Pickler):  # the one in Python: it lets a test write foreign names
    def persistent_id(self, obj: object):
        if isinstance(obj, Storage):
            return ("storage", FloatStorage, "7", "cpu", 6, None)
        return None

    def save_global(self, obj, name=None):
        module = obj.__module__
        if module.startswith("torch"):
            self.write(b"c" + module.encode() + b"\n" + obj.__name__.encode() + b"\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)


for kind in (type, type(_rebuild_tensor_v2)):
    Pickler.dispatch = {**Pickler.dispatch, kind: Pickler.save_global}


def torch_file(state: object, values: list[float], count: int | None = None) -> bytes:
    path = Path(os.environ["PYTEST_TMP"]) / "state"
    with path.open("wb") as stream:
        Pickler(stream, 2).dump(state)
    raw = np.array(values, "<f4").tobytes()
    length = (len(values) if count is None else count).to_bytes(8, "little")
    return HEADER + path.read_bytes() + pickle.dumps(["7"], 2) + length + raw


@pytest.fixture(autouse=True)
def _scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_TMP", str(tmp_path))


def test_a_tensor_is_a_view_on_its_storage():
    state = OrderedDict(w=Tensor(1, (2, 2), (1, 2)))
    found = read_tensors(torch_file(state, [9, 0, 1, 2, 3, 9]))
    np.testing.assert_array_equal(found["w"], [[0, 2], [1, 3]])


def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    with pytest.raises(DataError, match=r"asks for posix.system; expected tensor storages only"):
        read_tensors(HEADER + pickle.dumps({"w": Evil()}, 2))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", [b"builtins\neval\n", b"torch\nload\n", b"collections\nCounter\n"])
def test_no_other_name_is_admitted(name: bytes):
    with pytest.raises(DataError, match="expected tensor storages only"):
        read_tensors(HEADER + b"\x80\x02c" + name + b".")


def test_a_tensor_beyond_its_storage_is_refused():
    state = OrderedDict(w=Tensor(3, (2, 2), (2, 1)))
    with pytest.raises(DataError, match="a tensor reaches beyond its storage"):
        read_tensors(torch_file(state, [0, 1, 2, 3, 4, 5]))


def test_a_cut_file_is_refused():
    whole = torch_file(OrderedDict(w=Tensor(0, (6,), (1,))), [0, 1, 2, 3, 4, 5])
    for length in (0, 10, len(HEADER), len(whole) // 2, len(whole) - 4):
        with pytest.raises(DataError, match="cannot be read"):
            read_tensors(whole[:length])


def test_a_storage_that_claims_more_than_the_file_holds_is_refused():
    with pytest.raises(DataError, match="cannot be read"):
        read_tensors(torch_file(OrderedDict(w=Tensor(0, (6,), (1,))), [0, 1], count=2**40))
